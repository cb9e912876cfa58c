"""``flume doctor``: is this Redis fit for Flume, and what is to be changed?"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from flume.cli.exits import Exit, exit_of
from flume.cli.output import on_terminal, printable, show_json
from flume.cli.server import Server, json_option, pass_server, server_options
from flume.errors import ServerRefusedError, ServerUnavailableError

if TYPE_CHECKING:
    from flume.doctor import Finding

MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


@click.command("doctor")
@click.option(
    "--queue",
    default="doctor",
    metavar="NAME",
    help="Try the rights on this queue's keys, for a user that may touch few.  Nothing is written.",
)
@json_option
@server_options
@pass_server
def doctor(server: Server, /, *, queue: str, as_json: bool) -> int:
    """Check Redis, and say what to change.

    Each check ends with ok, warn or fail; with a fail the exit code is 1.
    """
    from flume.cli.probing import probe
    from flume.doctor import Finding, Verdict, examine
    from flume.keys import check_queue

    where = server.connections.where
    try:
        facts = probe(server.connections, prefix=server.key_prefix, queue=check_queue(queue))
    except (ServerUnavailableError, ServerRefusedError) as error:
        findings, code = [Finding("reachable", Verdict.FAIL, str(error))], exit_of(error)
    else:
        findings = [Finding("reachable", Verdict.OK, f"answers at {where}"), *examine(facts)]
        is_failed = any(finding.verdict is Verdict.FAIL for finding in findings)
        code = Exit.FAILED if is_failed else Exit.OK
    if as_json:
        show_json(findings)
    else:
        _show(findings)
    return code


def _show(findings: Sequence[Finding]) -> None:
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        mark, colour = MARKS[finding.verdict]
        title = f"{finding.verdict:<4}  {finding.check:<{width}}  "
        shown = title
        if on_terminal():
            title = f"{mark} {finding.check:<{width}}  "
            shown = f"{click.style(mark, fg=colour, bold=True)}{title[1:]}"
        click.echo(shown + _wrapped(finding.found, indent=len(title)))
        if finding.change:
            advice = _wrapped(f"→ {finding.change}", indent=len(title) + 2)
            click.echo(" " * len(title) + click.style(advice, fg="cyan"))


def _wrapped(sentence: str, *, indent: int) -> str:
    """Return the sentence, on a terminal broken into lines that start below one another."""
    sentence = printable(sentence)
    if not on_terminal():
        return sentence
    width = max(40, shutil.get_terminal_size().columns - indent)
    lines = textwrap.wrap(sentence, width, break_long_words=False, break_on_hyphens=False)
    return f"\n{'':<{indent}}".join(lines)
