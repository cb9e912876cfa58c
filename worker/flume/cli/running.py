"""Run one command line: every way it can end becomes one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from flume.cli.exits import Exit, exit_of
from flume.cli.lazy import ReaderGone
from flume.cli.root import cli
from flume.errors import FlumeError

_NO_ARGUMENTS = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""A group without a command, whose message is its help.  click has it since 8.2."""


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line ``args`` (None: that of the process) and return its exit code."""
    try:
        code = cli.main(args, prog_name="flume", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        if isinstance(error, _NO_ARGUMENTS):
            error.show()
            return Exit.USAGE
        return _end(_usage(error), Exit.USAGE)
    except click.ClickException as error:  # a file that cannot be opened
        return _end(error.format_message(), Exit.USAGE)
    except FlumeError as error:
        return _end(str(error), exit_of(error))
    except (click.Abort, KeyboardInterrupt):
        return _end("interrupted.", Exit.INTERRUPTED)
    except (ReaderGone, BrokenPipeError):
        _drop_output()
        return Exit.UNHEARD
    return code if isinstance(code, int) else Exit.OK


def _end(sentence: str, code: Exit) -> Exit:
    mark = click.style("flume:", fg="red") if sys.stderr.isatty() else "flume:"
    try:
        click.echo(f"{mark} {sentence}", err=True)
    except BrokenPipeError:  # nobody hears us; the code still says it
        pass
    return code


def _usage(error: click.UsageError) -> str:
    sentence = " ".join(error.format_message().split())  # choices come on lines of their own
    if not sentence.endswith((".", "?")):
        sentence += "."
    command = error.ctx.command_path if error.ctx else "flume"
    return f"{sentence} See `{command} --help`."


def _drop_output() -> None:
    """Send what is still buffered nowhere, so that the interpreter's own flush cannot fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
