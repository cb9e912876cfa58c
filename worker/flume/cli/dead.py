"""``flume dead``: jobs that were given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flume.cli.durations import format_moment
from flume.cli.exits import CommandEndedError, Exit
from flume.cli.looking import call_of, dead_jobs, job_fields
from flume.cli.output import Cell, Column, note, plural, show_json, show_table
from flume.cli.server import (
    Server,
    confirm,
    json_option,
    pass_server,
    queue_argument,
    server_options,
    yes_option,
)

if TYPE_CHECKING:
    from flume.job import JobInfo

F = TypeVar("F", bound=Callable[..., Any])

COLUMNS = (
    Column("id"),
    Column("handler", style="bold"),
    Column("attempts", right=True, drop=2),
    Column("since", right=True),
    Column("error", is_cut=True, style="red"),
    Column("arguments", is_cut=True, drop=1),
)


@click.group("dead")
def dead() -> None:
    """List, redrive or purge jobs that were given up."""


def _which_jobs(function: F) -> F:
    """Let a command say of which queue, and which of its dead jobs."""
    for decorate in reversed(
        (
            queue_argument,
            click.option("--handler", metavar="NAME", help="Only jobs of this handler."),
            click.option(
                "--id", "ids", metavar="ID", multiple=True, help="Only this job; may be repeated."
            ),
        )
    ):
        function = decorate(function)
    return function


@dead.command("list")
@_which_jobs
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    default=20,
    show_default=True,
    help="Most jobs listed.",
)
@json_option
@server_options
@pass_server
def list_(
    server: Server,
    /,
    *,
    queue: str,
    handler: str | None,
    ids: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """List the dead jobs of QUEUE, the newest first."""
    if ids:
        found = [_dead_job(server, queue, job_id) for job_id in ids]
        found = [job for job in found if handler in (None, job.handler)]
    else:
        found = dead_jobs(server, queue, handler, limit)
    if as_json:
        show_json(map(job_fields, found))
        return
    now = server.now()
    rows = [_row(job, now) for job in found]
    of_handler = f" of {handler}" if handler else ""
    show_table(COLUMNS, rows, empty=f"Queue {queue} has no dead jobs{of_handler}.")
    if len(found) == limit and handler is None and not ids:
        left = server.client.queue(queue).counts().dead - len(found)
        if left > 0:
            note(f"{left:,} more dead: raise --limit to see them.")


@dead.command("redrive")
@_which_jobs
@yes_option
@server_options
@pass_server
def redrive(
    server: Server, /, *, queue: str, handler: str | None, ids: tuple[str, ...], yes: bool
) -> None:
    """Make dead jobs of QUEUE ready again, as if they had never run.

    All of them, those of one handler, or those named with --id.
    """
    letters = server.client.queue(queue).dead
    if not ids:
        which = f"all dead jobs of {handler}" if handler else _all_of(server, queue)
        confirm(f"Run {which} in {queue} again?", yes=yes)
    count = letters.redrive(*dict.fromkeys(ids), handler=handler)
    click.echo(f"{plural(count, 'job')} redriven")
    _all_named(queue, ids, count, what="redriven")


@dead.command("purge")
@_which_jobs
@yes_option
@server_options
@pass_server
def purge(
    server: Server, /, *, queue: str, handler: str | None, ids: tuple[str, ...], yes: bool
) -> None:
    """Delete dead jobs of QUEUE for good.

    All of them, those of one handler, or those named with --id.
    """
    letters = server.client.queue(queue).dead
    if not yes and not ids:
        which = f"all dead jobs of {handler}" if handler else _all_of(server, queue)
        confirm(f"Delete {which} in {queue} for good?", yes=yes)
    count = letters.purge(*dict.fromkeys(ids), handler=handler)
    click.echo(f"{plural(count, 'job')} purged")
    _all_named(queue, ids, count, what="purged")


def _all_named(queue: str, ids: tuple[str, ...], count: int, *, what: str) -> None:
    named = len(set(ids))
    missing = named - count
    if missing > 0:
        which = "the job" if named == 1 else f"{missing} of the {named} jobs"
        none = "no such dead job" if missing == 1 else "no such dead jobs"
        readable = " that can be read" if what == "redriven" else ""
        raise CommandEndedError(
            f"{which} named with --id {'was' if missing == 1 else 'were'} not {what}: {queue} has "
            f"{none}{readable}. See `flume dead list {queue}`.",
            Exit.NOT_FOUND,
        )


def _row(job: JobInfo, now: datetime) -> list[str | int | Cell]:
    error = job.error or ""
    return [
        job.id,
        job.handler or Cell("unreadable", "red"),
        job.attempts,
        format_moment(job.at, now) if job.at else "-",
        (error.strip().splitlines() or [""])[0],
        call_of(job.args, job.kwargs),
    ]


def _dead_job(server: Server, queue: str, job_id: str) -> JobInfo:
    job = server.client.queue(queue).job(job_id)
    if job.state != "dead":
        raise CommandEndedError(f"job {job_id} is {job.state}, not dead.", Exit.NOT_FOUND)
    return job


def _all_of(server: Server, queue: str) -> str:
    return f"all {plural(server.client.queue(queue).counts().dead, 'dead job')}"
