"""``flume cancel`` and ``flume purge``: take jobs back."""

from __future__ import annotations

import click

from flume.cli.exits import CommandEndedError, Exit
from flume.cli.output import plural, show_json
from flume.cli.server import (
    Server,
    confirm,
    json_option,
    pass_server,
    queue_argument,
    server_options,
    yes_option,
)
from flume.errors import JobNotFoundError


@click.command("cancel")
@queue_argument
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@json_option
@server_options
@pass_server
def cancel(server: Server, /, *, queue: str, ids: tuple[str, ...], as_json: bool) -> None:
    """Cancel jobs of QUEUE by their ids, and print the ids that were cancelled.

    A running async handler is cancelled, a sync one is told.
    """
    wanted = list(dict.fromkeys(ids))
    cancelled = server.client.queue(queue).cancel(*wanted)
    if as_json:
        show_json({"id": job_id, "cancelled": job_id in cancelled} for job_id in wanted)
    else:
        for job_id in cancelled:
            click.echo(job_id)
    missed = [job_id for job_id in wanted if job_id not in set(cancelled)]
    if missed:
        raise CommandEndedError(_why_not(server, queue, missed), Exit.NOT_FOUND)


@click.command("purge")
@queue_argument
@click.option(
    "--state",
    type=click.Choice(["ready", "scheduled", "retrying", "dead"]),
    required=True,
    help="Which jobs.",
)
@yes_option
@server_options
@pass_server
def purge(server: Server, /, *, queue: str, state: str, yes: bool) -> None:
    """Delete all jobs of QUEUE that are in one state, for good.

    Running jobs are not purged: cancel them by id.
    """
    found = server.client.queue(queue)
    if not yes:
        count = getattr(found.counts(), state)
        confirm(f"Delete {plural(count, f'{state} job')} of {queue} for good?", yes=yes)
    click.echo(f"{plural(found.purge(state), 'job')} purged")


def _why_not(server: Server, queue: str, missed: list[str]) -> str:
    """Return why the first of the jobs was not cancelled, and how many more were not."""
    first = missed[0]
    more = f" {plural(len(missed), 'job')} were not cancelled." if len(missed) > 1 else ""
    try:
        job = server.client.queue(queue).job(first)
    except JobNotFoundError as error:
        return f"{error}{more}"
    return (
        f"job {first} is {job.state}: it does not run any more, so there is nothing to cancel."
        f"{more}"
    )
