"""The reference of the command line says what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from flume.cli.exits import Exit
from flume.cli.looking import job_fields
from flume.cli.probing import SAMPLES
from flume.cli.root import cli
from flume.job import JobInfo, JobState
from tests.support.processes import REPOSITORY

REFERENCE = Path(REPOSITORY, "docs", "reference", "cli.md").read_text(encoding="utf-8")


def _commands(group: click.Group, path: str = "flume") -> Iterator[tuple[str, click.Command]]:
    """Yield every command below ``group`` with its full name."""
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _section(name: str) -> str:
    """Return what the reference says of a command, or all of it where it has no heading."""
    found = re.search(rf"^### {name}\b.*?(?=^##)", REFERENCE, re.MULTILINE | re.DOTALL)
    return found[0] if found else REFERENCE


def test_every_command_has_its_place() -> None:
    """A command that is not described is found by chance only."""
    missing = [name for name, _ in _commands(cli) if f"{name}" not in REFERENCE]

    assert missing == []


def test_every_option_is_described_with_its_variable() -> None:
    """An option, or the environment variable that stands for it, is an interface."""
    missing = [
        f"{path} {name}"
        for path, command in _commands(cli)
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
        for name in (*option.opts, *([option.envvar] if isinstance(option.envvar, str) else []))
        if f"`{name}" not in (_section(path) if path != "flume worker" else REFERENCE)
    ]

    assert missing == []


def test_help_shows_the_variable_of_every_option() -> None:
    """Who sets up a container reads it there, and not in a browser."""
    hidden = [
        f"{path} {option.opts[0]}"
        for path, command in _commands(cli)
        for option in command.params
        if isinstance(option, click.Option) and option.envvar and not option.show_envvar
    ]

    assert hidden == []


def test_every_exit_code_is_in_the_table() -> None:
    """And no other: scripts are written from it."""
    table = REFERENCE.partition("## Exit codes")[2].partition("## ")[0]

    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == list(Exit)


def test_the_rights_are_those_that_the_doctor_tries() -> None:
    """Whoever pastes the line gets a user that passes."""
    (line,) = re.findall(r"^ACL SETUSER flume .*$", REFERENCE, re.MULTILINE)
    granted = {right[1:].upper() for right in line.split() if right.startswith("+")}

    assert granted == {*SAMPLES, "PING", "SELECT", "MULTI", "DISCARD"}


def test_the_fields_of_a_job_are_described() -> None:
    """Programs read them by name."""
    job = JobInfo("1", "q", JobState.READY, "h", [], {}, {}, 0, None, None, b"")

    assert [name for name in job_fields(job) if f"`{name}`" not in _section("flume jobs")] == []
