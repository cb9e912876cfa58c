"""``flume jobs``: the jobs of a queue by state, or one job in full."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from flume.cli.durations import format_moment
from flume.cli.looking import call_of, job_fields
from flume.cli.output import Cell, Column, note, printable, show_json, show_table
from flume.cli.server import Server, json_option, pass_server, queue_argument, server_options

if TYPE_CHECKING:
    from flume.job import JobInfo

STATES = ("running", "ready", "retrying", "scheduled", "dead")
STYLES = {
    "running": "green",
    "ready": "cyan",
    "retrying": "yellow",
    "scheduled": "blue",
    "dead": "red",
}

COLUMNS = (
    Column("id"),
    Column("state"),
    Column("handler", style="bold"),
    Column("attempts", right=True, drop=1),
    Column("when", right=True),
    Column("arguments", is_cut=True),
)

_SINCE = {
    "running": "lease ends",
    "ready": "ready since",
    "retrying": "due",
    "scheduled": "due",
    "dead": "dead since",
}


@click.command("jobs")
@queue_argument
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES),
    multiple=True,
    help="Only jobs of this state; may be given more than once.  [default: all]",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    default=20,
    show_default=True,
    help="Most jobs listed of each state.",
)
@click.option("--id", "job_id", metavar="ID", help="Show this one job in full.")
@json_option
@server_options
@pass_server
def jobs(
    server: Server,
    /,
    *,
    queue: str,
    states: tuple[str, ...],
    limit: int,
    job_id: str | None,
    as_json: bool,
) -> None:
    """List the jobs of QUEUE, or show one.

    The oldest come first; of scheduled and retrying jobs, the soonest due.  When is the time at
    which a job is due, its lease ends, or it became ready or dead.
    """
    client = server.client.queue(queue)
    if job_id is not None:
        if states:
            raise click.UsageError("--id shows one job: leave --state away")
        job = client.job(job_id)
        show_json([job_fields(job)]) if as_json else _show(job, server.now())
        return
    wanted = [state for state in STATES if not states or state in states]
    found = [job for state in wanted for job in client.jobs(state, limit=limit)]
    if as_json:
        show_json(map(job_fields, found))
        return
    of_state = f" that are {' or '.join(wanted)}" if states else ""
    rows = rows_of(found, server.now())
    show_table(COLUMNS, rows, empty=f"Queue {queue} has no jobs{of_state}.")
    _say_what_is_left(server, queue, wanted, found)


def rows_of(found: Sequence[JobInfo], now: datetime) -> list[list[str | int | Cell]]:
    """Return the cells of each job."""
    return [
        [
            job.id,
            Cell(job.state.value, STYLES[job.state]),
            job.handler or Cell("unreadable", "red"),
            job.attempts,
            format_moment(job.at, now) if job.at else "-",
            call_of(job.args, job.kwargs),
        ]
        for job in found
    ]


def _say_what_is_left(
    server: Server, queue: str, wanted: Sequence[str], found: Sequence[JobInfo]
) -> None:
    if not found:
        return
    counts = server.client.queue(queue).counts()
    shown = {state: sum(job.state == state for job in found) for state in wanted}
    left = {state: getattr(counts, state) - shown[state] for state in wanted}
    more = [f"{count:,} more {state}" for state, count in left.items() if count > 0]
    if more:
        note(f"{', '.join(more)}: raise --limit to see them.")


def _show(job: JobInfo, now: datetime) -> None:
    """Print one job, a field a line."""
    lines = [("id", job.id), ("queue", job.queue), ("state", job.state.value)]
    lines.append(("handler", job.handler or "unreadable"))
    lines.append(("attempts", str(job.attempts)))
    if job.at is not None:
        moment = f"{job.at.isoformat(timespec='milliseconds')} ({format_moment(job.at, now)})"
        lines.append((_SINCE[job.state], moment))
    if job.handler:
        lines.append(("arguments", call_of(job.args, job.kwargs) or "none"))
    else:
        lines.append(("body", job.raw.decode(errors="backslashreplace")))
    lines.extend((f"header {name}", value) for name, value in job.headers.items())
    if job.error:
        lines.append(("error", job.error))
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        title = click.style(f"{printable(name):<{width}}", bold=True)
        rest = text.splitlines() or [""]
        click.echo(f"{title}  {printable(rest[0])}")
        for line in rest[1:]:
            click.echo(f"{'':<{width}}  {printable(line)}")
