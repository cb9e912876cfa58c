"""Send what ``flume enqueue`` read, and say how far it came."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from flume.cli.exits import CommandEndedError, Exit, exit_of
from flume.cli.lines import Call, LineError
from flume.cli.looking import handlers_of, is_alive, look_at_all
from flume.cli.output import note, on_terminal, plural, show_json
from flume.cli.server import Server
from flume.errors import FlumeError, ServerUnavailableError

if TYPE_CHECKING:
    from flume.job import Job

AT_ONCE = 1000
"""Lines sent together: what one call carries, and near enough to say how far a file came."""

Due = timedelta | datetime | None


def send(server: Server, queue: str, calls: Sequence[Call], due: Due) -> list[Job]:
    """Hand in jobs, now or for later.

    Raises:
        CommandEndedError: If no answer came, and it is not known whether they are in.
        FlumeError: As the client's methods.
    """
    client = server.client
    try:
        if due is None:
            return client.enqueue_many(queue, [call.job() for call in calls])
        if isinstance(due, timedelta):
            return [client.enqueue_in(queue, due, c.ref, *c.args, **c.kwargs) for c in calls]
        return [client.enqueue_at(queue, due, c.ref, *c.args, **c.kwargs) for c in calls]
    except ServerUnavailableError as error:
        if not error.jobs or len(calls) > 1:
            raise
        raise CommandEndedError(
            f"Redis at {server.connections.where} did not answer, so it is not known whether the "
            f"job was enqueued: look with `flume jobs {queue} --id {error.jobs[0].id}` before you "
            "send it again.",
            Exit.UNREACHABLE,
        ) from error


def send_all(
    server: Server, queue: str, calls: Iterable[tuple[int, Call]], due: Due, *, as_json: bool
) -> None:
    """Hand in the jobs of a file, a thousand at a time, and print their ids.

    On a terminal only their number is printed.

    Raises:
        CommandEndedError: If a line cannot be sent; it says which lines are in.
    """
    numbered = iter(calls)
    sent = duplicates = last = 0
    while True:
        part, wrong = _part(numbered)
        if part:
            try:
                jobs = send(server, queue, [call for _, call in part], due)
            except (FlumeError, KeyboardInterrupt) as error:
                raise _stopped(error, last, part) from error
            last = part[-1][0]
            sent += len(jobs)
            duplicates += sum(job.is_duplicate for job in jobs)
            _show(jobs, as_json=as_json)
        if wrong is not None:
            before = f"The {plural(sent, 'job')} before it" if sent else "Nothing"
            raise CommandEndedError(
                f"{wrong} {before} {'was' if sent < 2 else 'were'} enqueued.", wrong.code
            ) from wrong
        if not part:
            break
    if on_terminal() and not as_json:
        click.echo(f"{plural(sent - duplicates, 'job')} enqueued")
    if duplicates:
        note(f"{plural(duplicates, 'job')} not enqueued: live jobs hold their unique keys.")


def job_fields(job: Job) -> dict[str, Any]:
    """Return a new job as ``--json`` prints it: names and order are part of the interface."""
    return {
        "id": job.id,
        "queue": job.queue,
        "handler": job.handler,
        "duplicate": job.is_duplicate,
    }


def say_who_runs_it(server: Server, queue: str, handler: str) -> None:
    """Note that no live worker knows the handler, for a typo would wait for ever."""
    now = server.now()
    alive = [w for w in server.client.queue(queue).workers() if is_alive(w, now)]
    known = {name for worker in alive for name in handlers_of(worker)}
    if alive and handler not in known:
        near = get_close_matches(handler, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        note(f"no live worker of {queue} knows {handler}: the job waits until one does.{hint}")


@contextmanager
def hear_warnings(server: Server) -> Iterator[None]:
    """Say in words what the client logs."""
    logger = logging.getLogger("flume.client")
    ear = _Ear(server)
    logger.addHandler(ear)
    try:
        yield
    finally:
        logger.removeHandler(ear)


class _Ear(logging.Handler):
    def __init__(self, server: Server) -> None:
        super().__init__(logging.WARNING)
        self._server = server

    def emit(self, record: logging.LogRecord) -> None:
        queue = getattr(record, "queue", None)
        if record.getMessage() != "queue_unconfigured" or queue is None:
            note(record.getMessage())
            return
        views = look_at_all(self._server)
        others = [view.name for view in views if view.is_configured or view.workers]
        near = get_close_matches(queue, others, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        note(f"nobody has configured queue {queue} or works on it: its jobs wait.{hint}")


def _part(numbered: Iterator[tuple[int, Call]]) -> tuple[list[tuple[int, Call]], LineError | None]:
    """Return the next lines; where one is wrong, those before it, and the error."""
    part: list[tuple[int, Call]] = []
    try:
        while len(part) < AT_ONCE:
            part.append(next(numbered))
    except StopIteration:
        pass
    except LineError as error:
        return part, error
    return part, None


def _stopped(
    error: FlumeError | KeyboardInterrupt, last: int, part: Sequence[tuple[int, Call]]
) -> CommandEndedError:
    """Return the error that says how far a file came."""
    first, final = part[0][0], part[-1][0]
    whole = f"All lines up to {last:,} are enqueued" if last else "No line before is enqueued"
    if isinstance(error, KeyboardInterrupt):
        code, what = Exit.INTERRUPTED, "interrupted."
    elif isinstance(error, ServerUnavailableError):
        code, what = Exit.UNREACHABLE, "Redis did not answer."
    else:
        code, what = exit_of(error), str(error)
    return CommandEndedError(f"{what} {whole}; of lines {first:,} to {final:,} some may be.", code)


def _show(jobs: Sequence[Job], *, as_json: bool) -> None:
    if as_json:
        show_json(map(job_fields, jobs))
    elif not on_terminal():
        for job in jobs:
            click.echo(job.id)
