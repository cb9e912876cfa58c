"""What a client does in more than one call, written once for the sync and the async client.

Each is an operation as ``driving`` says, whose steps the clients send.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from flume import codec
from flume.codec import Body
from flume.commands import client as commands
from flume.commands.client import Counts, Found, Page
from flume.commands.command import Argument, moment, text, texts
from flume.driving import Operation
from flume.errors import (
    ConfigurationError,
    ForeignDataError,
    JobNotFoundError,
    NameRefusedError,
    ServerUnavailableError,
    UnreadableJobError,
)
from flume.job import Job, JobInfo, JobState
from flume.keys import Keys, check_handler, queues_key

PAGE = 200
STEP = 1000

# The score of a running job, as include/fence.lua packs it.
_FENCES = 2**19
_EPOCH_MS = 1735689600000
_TICK_MS = 125


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker as it last reported itself."""

    id: str
    number: int
    seen: datetime
    """Its last beat, by Redis' clock; a live worker beats twice a second."""
    record: dict[str, Any]
    """host, pid, version, handlers, running, max_demand, concurrency, started, paused; and of its
    settings: generation, settings_uid, settings_problem, awaits_settings, flags, settings_from,
    paused_by_settings (their ``paused`` alone holds this worker back), and settings: those in force
    where the queue's record does not tell them, else None."""


def handler_names(keys: Keys) -> Operation[list[str]]:
    """Return every handler name seen in the queue."""
    names = yield ("SMEMBERS", keys.handlers)
    return sorted(texts(list(names)))


def queue_names(prefix: str) -> Operation[list[str]]:
    """Return every queue under the prefix."""
    names = yield ("SMEMBERS", queues_key(prefix))
    return sorted(texts(list(names)))


def opened(keys: Keys) -> Operation[bool]:
    """Name the queue among all; return whether anyone has configured it or works on it.

    A client that comes to a queue which nobody has is counted there: its name may be a slip.
    """
    yield ("SADD", queues_key(keys.prefix), keys.queue)
    found: int = yield ("EXISTS", keys.settings, keys.workers)
    if not found:
        yield ("HINCRBY", keys.stats, "unconfigured", 1)
    return found > 0


def not_sent(error: ServerUnavailableError, jobs: Sequence[Job]) -> ServerUnavailableError:
    """Return what to raise where the queue of ``jobs`` could not be opened."""
    return ServerUnavailableError(
        f"{error} {len(jobs)} job(s) were not enqueued: send the error's jobs again with "
        "enqueue_many.",
        jobs=jobs,
    )


def counts(keys: Keys) -> Operation[Counts]:
    """Count the queue's jobs by state."""
    names = yield from handler_names(keys)
    result: Counts = yield commands.counts(keys, names)
    return result


def find(keys: Keys, job_id: str) -> Operation[JobInfo]:
    """Return one job.

    Raises:
        JobNotFoundError: If there is none.
    """
    found = yield commands.find(keys, job_id)
    if found is None:
        raise JobNotFoundError(
            f"queue {keys.queue} has no job {job_id}: it never was, was cancelled, or has "
            "completed (a completed job is forgotten)."
        )
    return describe(keys.queue, found)


def jobs(
    keys: Keys, state: JobState, *, limit: int, newest: bool = False
) -> Operation[list[JobInfo]]:
    """Return up to ``limit`` jobs of one state, oldest (or soonest due) first."""
    sources = yield from _sources(keys, state)
    found: list[JobInfo] = []
    for source in sources:
        offset = 0
        while len(found) < limit:
            most = min(PAGE, limit - len(found))
            page: Page = yield commands.peek(
                keys, source, state, offset=offset, limit=most, newest=newest
            )
            found.extend(describe(keys.queue, item) for item in page.found)
            offset += most
            if not page.looked:
                break
    return found


def cancel(keys: Keys, ids: Sequence[str]) -> Operation[list[str]]:
    """Cancel jobs; returns the ids of those that were waiting or running."""
    cancelled: list[str] = []
    for start in range(0, len(ids), STEP):
        cancelled.extend((yield commands.cancel(keys, ids[start : start + STEP])))
    return cancelled


def purge(keys: Keys, state: JobState) -> Operation[int]:
    """Delete all jobs of one waiting or dead state; returns how many."""
    sources = yield from _sources(keys, state)
    purged = 0
    for source in sources:
        taken = STEP
        while taken == STEP:
            taken = yield commands.purge(keys, source, STEP)
            purged += taken
    return purged


def redrive(
    keys: Keys, *, handler: str | None = None, ids: Sequence[str] | None = None
) -> Operation[int]:
    """Make dead jobs ready again, as if they had never run; returns how many.

    All of them, those of one handler, or those named; each once, for one that fails at once is
    dead again before the last has been looked at.
    """
    wanted = None if ids is None else set(ids)
    redriven: set[str] = set()
    offset = 0
    while True:
        page: Page = yield commands.peek(keys, keys.dead, JobState.DEAD, offset=offset, limit=PAGE)
        if not page.looked:
            return len(redriven)
        before = len(redriven)
        new = [found for found in page.found if found.id not in redriven]
        for name, entries in _renewed(new, handler, wanted):
            redriven.update((yield commands.redrive(keys, name, entries)))
        offset += page.looked - (len(redriven) - before)  # those that stay are passed over


def dead_of(keys: Keys, handler: str, *, limit: int | None = None) -> Operation[list[JobInfo]]:
    """Return the dead jobs of one handler, the newest first."""
    found: list[JobInfo] = []
    offset = 0
    while limit is None or len(found) < limit:
        page: Page = yield commands.peek(
            keys, keys.dead, JobState.DEAD, offset=offset, limit=PAGE, newest=True
        )
        if not page.looked:
            break
        infos = (describe(keys.queue, item) for item in page.found)
        found.extend(info for info in infos if info.handler == handler)
        offset += page.looked
    return found[:limit]


def forget(
    keys: Keys, *, handler: str | None = None, ids: Sequence[str] | None = None
) -> Operation[int]:
    """Delete dead jobs; returns how many.

    All of them, those of one handler, or those named.
    """
    if handler is None and ids is None:
        return (yield from purge(keys, JobState.DEAD))
    named = ids
    if handler is not None:
        infos = yield from dead_of(keys, handler)
        named = [info.id for info in infos if ids is None or info.id in ids]
    forgotten = 0
    for start in range(0, len(named or ()), STEP):
        forgotten += yield commands.forget(keys, (named or ())[start : start + STEP])
    return forgotten


def workers(keys: Keys) -> Operation[list[WorkerInfo]]:
    """Return the workers of the queue that have not left."""
    reply = yield ("HGETALL", keys.workers)
    flat = list(reply.items()) if isinstance(reply, dict) else zip(*[iter(reply)] * 2, strict=True)
    found = []
    for field, value in flat:
        parts = text(value).split(" ", 2)
        if len(parts) != 3:  # "next", the counter
            continue
        try:
            number = int(field)
            record = msgspec.json.decode(parts[2])
            seen = datetime.fromtimestamp(int(parts[0]) / 1000, UTC)
        except (msgspec.MsgspecError, ValueError, OverflowError, OSError) as error:
            raise ForeignDataError(
                f"the field {text(field)} of {keys.workers} is no worker's record. Delete it."
            ) from error
        found.append(WorkerInfo(parts[1], number, seen, record))
    return sorted(found, key=lambda worker: worker.id)


def describe(queue: str, found: Found) -> JobInfo:
    """Return what was found for people and programs; an unreadable body has empty fields."""
    try:
        body = codec.decode(found.body)
    except UnreadableJobError as error:
        body = Body("", error=str(error))
    return JobInfo(
        id=found.id,
        queue=queue,
        state=JobState(found.state),
        handler=body.handler,
        args=body.args,
        kwargs=body.kwargs,
        headers=body.headers,
        attempts=body.attempts,
        error=body.error,
        at=_at(found),
        raw=found.body,
    )


def _at(found: Found) -> datetime | None:
    if found.score is None:
        return None
    if found.state != JobState.RUNNING:
        return moment(found.score)
    try:
        return moment(int(found.score) // _FENCES * _TICK_MS + _EPOCH_MS)
    except (ValueError, OverflowError):  # a score that is not ours may be no number, or endless
        return None


def _sources(keys: Keys, state: JobState) -> Operation[list[str]]:
    if state is not JobState.READY:
        return [getattr(keys, state.value)]
    names = yield from handler_names(keys)
    return [*(keys.ready(name) for name in names), keys.alone]


def _renewed(
    page: Sequence[Found], handler: str | None, wanted: set[str] | None
) -> Iterator[tuple[str, list[Argument]]]:
    """Yield, by handler, the ids and bodies to redrive, with their attempts set back."""
    groups: dict[str, list[Argument]] = {}
    for found in page:
        try:
            body = codec.decode(found.body)
            check_handler(body.handler)
        except (UnreadableJobError, NameRefusedError):
            continue  # it would be buried again at once
        if (handler is None or body.handler == handler) and (wanted is None or found.id in wanted):
            fresh = msgspec.structs.replace(body, attempts=0, error=None)
            groups.setdefault(body.handler, []).extend((found.id, codec.encode(fresh)))
    yield from groups.items()


def duplicate(keys: Keys, holder: str, refused: Job) -> Operation[Job]:
    """Return the live job that holds a unique key; it may have ended meanwhile."""
    found = yield commands.find(keys, holder)
    body = refused.body
    if found is not None:
        try:
            body = codec.decode(found.body)
        except UnreadableJobError:
            pass
    return Job(holder, body, queue=keys.queue, unique=refused.unique, is_duplicate=True)


def purgeable(state: JobState | str) -> JobState:
    """Return ``state`` if its jobs can be purged.

    Raises:
        ConfigurationError: If it cannot: running jobs are cancelled instead.
    """
    if state == JobState.RUNNING:
        raise ConfigurationError("running jobs cannot be purged; cancel them by id.")
    return JobState(state)
