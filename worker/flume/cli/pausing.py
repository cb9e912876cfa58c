"""``flume pause`` and ``flume resume``: stop claims for a while, and let them go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flume.cli.durations import duration, format_duration, format_moment
from flume.cli.looking import OWN_PAUSE, holds_itself_back, is_alive
from flume.cli.output import note, plural
from flume.cli.server import Server, pass_server, queue_name, server_options
from flume.keys import Keys

if TYPE_CHECKING:
    from flume.pausing import PauseInfo

F = TypeVar("F", bound=Callable[..., Any])


def _shared(function: F) -> F:
    """Add what both commands take."""
    for decorate in reversed(
        (
            click.argument("queues", nargs=-1, type=queue_name, metavar="QUEUE..."),
            click.option("--all", "is_all", is_flag=True, help="Every queue, also those to come."),
            click.option("--worker", metavar="ID", help="Only this worker of the one queue named."),
            click.option("--wait", is_flag=True, help="End once every live worker knows of it."),
            click.option(
                "--timeout",
                type=duration,
                default="10s",
                show_default=True,
                metavar="DURATION",
                help="Longest time to wait.",
            ),
        )
    ):
        function = decorate(function)
    return function


@click.command("pause")
@_shared
@click.option("--reason", metavar="TEXT", help="Why, for people; workers log it.")
@click.option(
    "--for", "expires_in", type=duration, metavar="DURATION", help="End by itself after this."
)
@server_options
@pass_server
def pause(
    server: Server,
    /,
    *,
    queues: tuple[str, ...],
    is_all: bool,
    worker: str | None,
    wait: bool,
    timeout: timedelta,
    reason: str | None,
    expires_in: timedelta | None,
) -> None:
    """Let no worker claim from the queues until they are resumed; what runs goes on.

    It binds at once, and holds for workers that start later too.  With --wait it ends once no
    worker starts anything more, or says which ones did not answer (exit code 6).
    """
    _check(queues, is_all=is_all, worker=worker)
    from flume import pausing

    prefix = server.key_prefix
    ends = f" for {format_duration(expires_in.total_seconds())}" if expires_in else ""
    if is_all:
        every = pausing.pause_all(prefix, reason=reason, expires_in=expires_in, by=None)
        changes = server.drive(every)
        click.echo(f"{plural(len(changes), 'queue')} paused{ends}, and those to come")
    else:
        _point_out_unknown(server, queues)
        changes = {}
        for name in queues:
            one = pausing.pause(
                Keys(name, prefix), reason=reason, expires_in=expires_in, by=None, worker=worker
            )
            changes[name] = server.drive(one)
            click.echo(f"{_what(name, worker)} paused{ends}")
    if wait:
        _await(server, changes, worker, "pause", timeout)


@click.command("resume")
@_shared
@server_options
@pass_server
def resume(
    server: Server,
    /,
    *,
    queues: tuple[str, ...],
    is_all: bool,
    worker: str | None,
    wait: bool,
    timeout: timedelta,
) -> None:
    """Take away what ``flume pause`` set, so that workers claim again.

    Pauses of other sources stay: of the manifest (spec.paused), of all queues, of one worker.
    """
    _check(queues, is_all=is_all, worker=worker)
    from flume import pausing

    client, prefix = server.client, server.key_prefix
    if is_all:
        changes = server.drive(pausing.resume_all(prefix))
        click.echo(f"{plural(len(changes), 'queue')} resumed")
    else:
        _point_out_unknown(server, queues)
        changes = {}
        for name in queues:
            changes[name] = server.drive(pausing.resume(Keys(name, prefix), worker=worker))
            click.echo(f"{_what(name, worker)} resumed")
    now = server.now()
    for name in changes:
        for info in client.queue(name).pauses():
            if info.worker in (None, worker):
                note(f"{name} stays paused by {said(info, now)}")
        for each in client.queue(name).workers():
            if is_alive(each, now) and holds_itself_back(each) and worker in (None, each.id):
                note(f"worker {each.id} of {name} stays paused: {OWN_PAUSE}.")
    if wait:
        _await(server, changes, worker, "resume", timeout)


def said(info: PauseInfo, now: datetime) -> str:
    """Return in a sentence who paused, since when, and why."""
    words = [info.source]
    if info.by:
        words.append(f"({info.by})")
    if info.since:
        words.append(f"since {format_moment(info.since, now)}")
    if info.reason:
        words.append(f"- {info.reason}")
    return f"{' '.join(words)}."


def _check(queues: Sequence[str], *, is_all: bool, worker: str | None) -> None:
    ctx = click.get_current_context()
    if is_all == bool(queues):
        raise click.UsageError("Give names of queues, or --all", ctx)
    if worker and len(queues) != 1:
        raise click.UsageError("--worker ID is a worker of one queue: name that queue", ctx)


def _point_out_unknown(server: Server, queues: Sequence[str]) -> None:
    """Say it where nobody has come to a queue yet: its name may be a slip."""
    known = server.client.queues()
    for name in queues:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            note(f"no job and no worker has come to {name} yet.{hint}")


def _what(name: str, worker: str | None) -> str:
    return f"worker {worker} of {name}" if worker else name


def _await(
    server: Server, changes: dict[str, str], worker: str | None, what: str, timeout: timedelta
) -> None:
    """Wait for the workers of all queues at once; the queues are all paused by then."""
    from flume import pausing

    seconds = timeout.total_seconds()
    server.drive(
        pausing.acknowledged(server.key_prefix, changes, what=what, timeout=seconds, worker=worker)
    )
    click.echo("every live worker knows")
