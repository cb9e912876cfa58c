"""How jobs become calls: grouped by handler, cut to size, each in a lane that makes a resend safe.

Pure: sending them is left to ``client`` and ``sync_client``.
"""

from __future__ import annotations

import os
import secrets
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flume.codec import encode_new
from flume.commands.client import ENQUEUE_AT_ONCE, NOT_UNIQUE, Lane, Sent, Unique, enqueue, schedule
from flume.commands.command import Argument, Command
from flume.errors import HandlerError, ScheduleError
from flume.handler import Handler, Ref, ref
from flume.job import Job
from flume.keys import Keys

CALL_BYTES = 1024 * 1024
"""Bytes of bodies in one call: a few ms of network, and far below what Redis accepts."""

LATEST = timedelta(days=3660)
"""Furthest time a job may be scheduled for; anything later is a slip of units."""


@dataclass(frozen=True, slots=True)
class Due:
    """When scheduled jobs become ready: at a time, or after a wait; in ms."""

    at_ms: int | None = None
    wait_ms: int = 0

    @classmethod
    def after(cls, wait: timedelta) -> Due:
        """Return the due time ``wait`` from now, by Redis' clock.

        Raises:
            ScheduleError: If ``wait`` is negative or above ten years.
        """
        if not timedelta(0) <= wait <= LATEST:
            raise ScheduleError(
                f"{wait} from now is out of range: use 0 to {LATEST.days} days. Nothing was "
                "enqueued."
            )
        return cls(wait_ms=round(wait.total_seconds() * 1000))

    @classmethod
    def when(cls, moment: datetime) -> Due:
        """Return the due time ``moment``; one that has passed is due at once.

        Raises:
            ScheduleError: If ``moment`` has no time zone or is more than ten years away.
        """
        if moment.tzinfo is None:
            raise ScheduleError(
                f"{moment.isoformat()} has no time zone, so it is not known when that is. Use "
                "datetime.now(timezone.utc) or an aware datetime. Nothing was enqueued."
            )
        if moment - datetime.now(moment.tzinfo) > LATEST:
            raise ScheduleError(
                f"{moment.isoformat()} is more than {LATEST.days} days away. Nothing was enqueued."
            )
        return cls(at_ms=max(0, round(moment.timestamp() * 1000)))


@dataclass(eq=False, slots=True)
class Call:
    """A call that carries jobs, until it is known to have been applied."""

    queue: str
    jobs: list[Job]
    lane: Lane
    command: Command[Sent]

    def is_in_doubt(self) -> None:
        """Note that no answer came: sending any of the jobs again repeats this very call."""
        for job in self.jobs:
            job.in_doubt = self

    def is_applied(self) -> None:
        """Note that the jobs are in Redis."""
        for job in self.jobs:
            job.queue = self.queue
            job.in_doubt = None


@dataclass(slots=True)
class Lanes:
    """The lanes of one client: each has one call under way at a time."""

    _free: deque[Lane] = field(default_factory=deque)
    _pid: int = field(default_factory=os.getpid)

    def take(self) -> Lane:
        """Return the next place in a lane that nobody uses."""
        if self._pid != os.getpid():  # a fork must not go on with its parent's numbers
            self._free = deque()
            self._pid = os.getpid()
        try:
            last = self._free.pop()
        except IndexError:
            return Lane(secrets.token_hex(8), 1)
        return Lane(last.name, last.number + 1)

    def give_back(self, lane: Lane) -> None:
        """Let others use the lane.  A lane whose last call is in doubt is never given back."""
        self._free.append(lane)


def as_job(
    handler: Handler[..., Any] | Ref | str, args: Sequence[Any], kwargs: dict[str, Any]
) -> Job:
    """Return the job for a call of ``handler``, given as an object or by name.

    Raises:
        HandlerError: If it is neither.
        NameRefusedError: If the name cannot name a handler.
    """
    if isinstance(handler, str):
        return ref(handler).job(*args, **kwargs)
    if not isinstance(handler, Handler | Ref):
        name = getattr(handler, "__qualname__", repr(type(handler)))
        raise HandlerError(f"{name} is no handler: put @handler above the function.")
    return handler.job(*args, **kwargs)


def plan(
    keys: Keys, jobs: Iterable[Job], lanes: Lanes, *, limit: int, due: Due | None = None
) -> Iterator[Call]:
    """Yield the calls that carry ``jobs``; each takes its lane as it is yielded.

    Args:
        keys: Of the queue.
        jobs: In the order in which they are to run, which holds for the jobs of one handler.
        lanes: Of the client.
        limit: Longest body, in bytes.
        due: For scheduled jobs.

    Raises:
        PayloadError: If a job cannot be kept.  Calls yielded before may have been sent.
    """
    groups: dict[str, _Group] = {}
    repeated: set[int] = set()
    for job in jobs:
        if job.in_doubt is not None:
            if id(job.in_doubt) not in repeated:
                repeated.add(id(job.in_doubt))
                yield job.in_doubt
            continue
        data = encode_new(job.body, limit=limit)
        if job.unique is not None:
            unique = Unique(job.unique, job.unique_for_ms)
            yield _call(keys, [job], [job.id, data], lanes, unique, due)
            continue
        group = groups.get(job.body.handler)
        if group is None:
            group = groups[job.body.handler] = _Group()
        group.jobs.append(job)
        group.entries.append(job.id)
        group.entries.append(data)
        group.size += len(data)
        if len(group.jobs) >= ENQUEUE_AT_ONCE or group.size >= CALL_BYTES:
            yield _call(keys, group.jobs, group.entries, lanes, NOT_UNIQUE, due)
            del groups[job.body.handler]
    for group in groups.values():
        yield _call(keys, group.jobs, group.entries, lanes, NOT_UNIQUE, due)


def ready_call(
    keys: Keys, jobs: list[Job], entries: list[Argument], lanes: Lanes
) -> Call:
    """Return the call that carries jobs of one handler, already encoded: id, body in turn."""
    return _call(keys, jobs, entries, lanes, NOT_UNIQUE, None)


class _Group:
    __slots__ = ("entries", "jobs", "size")

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.entries: list[Argument] = []
        self.size = 0


def _call(
    keys: Keys,
    jobs: list[Job],
    entries: list[Argument],
    lanes: Lanes,
    unique: Unique,
    due: Due | None,
) -> Call:
    lane, handler = lanes.take(), jobs[0].body.handler
    if due is None:
        command = enqueue(keys, lane, handler, entries, unique)
    else:
        command = schedule(
            keys, lane, handler, entries, unique, due_ms=due.at_ms, wait_ms=due.wait_ms
        )
    return Call(keys.queue, jobs, lane, command)
