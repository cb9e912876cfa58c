"""How jobs become calls: grouped by handler, cut to size, each in a lane that makes a resend safe.

Pure: sending them is left to ``client`` and ``sync_client``.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from flume.codec import encode_new
from flume.commands.client import (
    ENQUEUE_AT_ONCE,
    NOT_UNIQUE,
    Lane,
    Sent,
    Unique,
    enqueue,
    enqueue_unique,
    schedule,
)
from flume.commands.command import Argument, Command
from flume.errors import ConfigurationError, HandlerError, ScheduleError, ServerUnavailableError
from flume.handler import Handler, Ref, ref
from flume.job import Job
from flume.keys import Keys

CALL_BYTES = 1024 * 1024
"""Bytes of bodies in one call: a few ms of network, and far below what Redis accepts."""

RESEND_PAUSE = 0.05
"""Seconds between resends: a proxy that cuts a connection is back at once, a restart is not."""

_LEAST_S = 0.001  # for the last send: a wait of 0 would be none, or one without an end

_MS = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

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
        return cls(wait_ms=-(-wait // _MS))  # rounded up: never before its time

    @classmethod
    def when(cls, moment: datetime) -> Due:
        """Return the due time ``moment``; one that has passed is due at once.

        Raises:
            ScheduleError: If ``moment`` has no time zone or is more than ten years away.
        """
        if moment.utcoffset() is None:
            raise ScheduleError(
                f"{moment.isoformat()} has no time zone, so it is not known when that is. Use "
                "datetime.now(timezone.utc) or an aware datetime. Nothing was enqueued."
            )
        if moment - datetime.now(UTC) > LATEST:
            raise ScheduleError(
                f"{moment.isoformat()} is more than {LATEST.days} days away. Nothing was enqueued."
            )
        return cls(at_ms=max(0, -((_EPOCH - moment) // _MS)))  # rounded up: never before its time


@dataclass(eq=False, slots=True)
class Call:
    """A call that carries jobs, until it is known to have been applied."""

    queue: str
    jobs: list[Job]
    lane: Lane
    command: Command[Sent]
    was_in_doubt: bool = False
    """No answer came in time, so that each holder of its jobs may repeat it."""

    def is_in_doubt(self) -> None:
        """Note that no answer came: sending any of the jobs again repeats this very call."""
        self.was_in_doubt = True
        for job in self.jobs:
            job.in_doubt = self

    def unanswered(self, error: ServerUnavailableError) -> ServerUnavailableError:
        """Note that no answer came, and return what to raise: it carries the jobs."""
        self.is_in_doubt()
        return ServerUnavailableError(
            f"{error} It is not known whether {len(self.jobs)} job(s) were enqueued: "
            "send the error's jobs again with enqueue_many, none gets in twice.",
            jobs=self.jobs,
        )


@dataclass(slots=True)
class Lanes:
    """The lanes of one client: each has one call under way at a time."""

    client: str = field(default_factory=lambda: secrets.token_hex(8))
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

    def answered(self, call: Call, sent: Sent) -> None:
        """Note that the jobs of a call are in Redis, and let others use its lane.

        Not the lane of a call that was in doubt: several may have repeated it, and each would
        give the lane back.  Two calls in one lane would take each other for a resend.
        """
        if not sent.holder:  # else its job was refused as a duplicate
            queue, client = call.queue, self.client
            for job in call.jobs:
                job.queue = queue
                job.sent_by = client
        if call.was_in_doubt:
            for job in call.jobs:
                job.in_doubt = None
        else:
            self._free.append(call.lane)


def time_left(deadline: float) -> float:
    """Return the seconds until ``deadline``, of ``time.monotonic()``, for one more send."""
    return max(_LEAST_S, deadline - time.monotonic())


def as_job(handler: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Job:
    """Return the job for a call of ``handler``: a ``Handler``, a ``Ref`` or a name.

    Raises:
        HandlerError: If it is none of them.
        NameRefusedError: If the name cannot name a handler.
    """
    if isinstance(handler, (Handler, Ref)):
        return handler.job(*args, **kwargs)
    if isinstance(handler, str):
        return ref(handler).job(*args, **kwargs)
    name = getattr(handler, "__qualname__", repr(type(handler)))  # no type checker has seen it
    raise HandlerError(f"{name} is no handler: put @handler above the function.")


def plan(
    keys: Keys, jobs: list[Job], lanes: Lanes, *, limit: int, due: Due | None = None
) -> Iterator[Call]:
    """Yield the calls that carry ``jobs``; each takes its lane as it is yielded.

    A job that this client has stored in this queue is left out: it may have run already.

    Args:
        keys: Of the queue.
        jobs: In the order in which they are to run, which holds for the jobs of one handler.
        lanes: Of the client.
        limit: Longest body, in bytes.
        due: For scheduled jobs.

    Raises:
        PayloadError: If a job cannot be kept.  Calls yielded before may have been sent.
        ConfigurationError: If a job may be in another queue.
    """
    groups: dict[str, Group] = {}
    for job in _each_once(jobs, keys, lanes):
        handler = job.body.handler
        if job.unique is not None or job.in_doubt is not None:
            if handler in groups:  # those of its handler that came before go before it
                yield groups.pop(handler).call(keys, lanes, due)
            yield _call_alone(job, keys, lanes, limit, due)
            continue
        data = encode_new(job.body, limit=limit)
        try:
            group = groups[handler]
        except KeyError:
            group = groups[handler] = Group()
        group.jobs.append(job)  # as Group.add, whose call costs as much as the rest of this loop
        group.entries.append(job.id)
        group.entries.append(data)
        group.size += len(data)
        if group.size >= CALL_BYTES or len(group.jobs) >= ENQUEUE_AT_ONCE:
            yield groups.pop(handler).call(keys, lanes, due)
    for group in groups.values():
        yield group.call(keys, lanes, due)


def _each_once(jobs: list[Job], keys: Keys, lanes: Lanes) -> list[Job]:
    """Return the jobs to send, without those that others carry and those that are stored."""
    new = {job.id for job in jobs if job.queue is None and job.in_doubt is None}
    if len(new) == len(jobs):
        return jobs
    once: dict[str, Job] = {}
    carried: set[str] = set()
    for job in jobs:
        if job.id in carried or (job.queue == keys.queue and job.sent_by == lanes.client):
            continue
        if job.in_doubt is not None:
            carried.update(other.id for other in job.in_doubt.jobs)
        once.setdefault(job.id, job)
    return list(once.values())


def _call_alone(job: Job, keys: Keys, lanes: Lanes, limit: int, due: Due | None) -> Call:
    """Return the call of a job that cannot go with others."""
    call: Call | None = job.in_doubt
    if call is None:
        group = Group(Unique(job.unique or "", job.unique_for_ms))
        group.add(job, encode_new(job.body, limit=limit))
        return group.call(keys, lanes, due)
    if call.queue != keys.queue:
        raise ConfigurationError(
            f"job {job.id} may be in the queue {call.queue} already: no answer came when it was "
            f"sent. Send it there again before {keys.queue}, or make another job."
        )
    return call


def call_of(job: Job, data: bytes, keys: Keys, lanes: Lanes) -> Call:
    """Return the call of one new job that is to be ready: what most calls are."""
    lane = lanes.take()
    command = enqueue(keys, lane, job.body.handler, (job.id, data))
    return Call(keys.queue, [job], lane, command)


class Group:
    """Jobs of one handler that go out in one call."""

    __slots__ = ("entries", "jobs", "size", "unique")

    def __init__(self, unique: Unique = NOT_UNIQUE) -> None:
        self.jobs: list[Job] = []
        self.entries: list[Argument] = []
        self.size = 0
        self.unique = unique

    def add(self, job: Job, data: bytes) -> bool:
        """Add a job with its encoded body; return whether that filled the group."""
        self.jobs.append(job)
        self.entries += (job.id, data)
        self.size += len(data)
        return self.size >= CALL_BYTES or len(self.jobs) >= ENQUEUE_AT_ONCE

    def call(self, keys: Keys, lanes: Lanes, due: Due | None = None) -> Call:
        """Return the call that carries the jobs, in a lane of its own until it is answered."""
        lane, handler = lanes.take(), self.jobs[0].body.handler
        if due is None and self.unique is NOT_UNIQUE:
            command = enqueue(keys, lane, handler, self.entries)
        elif due is None:
            command = enqueue_unique(keys, lane, handler, self.entries, self.unique)
        else:
            command = schedule(
                keys,
                lane,
                handler,
                self.entries,
                self.unique,
                due_ms=due.at_ms,
                wait_ms=due.wait_ms,
            )
        return Call(keys.queue, self.jobs, lane, command)
