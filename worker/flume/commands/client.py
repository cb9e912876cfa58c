"""What a client sends: jobs in, jobs looked up, jobs taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

import msgspec

from flume.commands.command import Argument, Command, number, text, texts
from flume.keys import Keys
from flume.settings_record import Owner, whole

ENQUEUE_AT_ONCE = 1000
"""Jobs in one call: bounds the time one script runs (about 1 ms) and what Lua can unpack."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The answer to an enqueue."""

    holder: str | None
    """Id of the live job that holds the unique key, where that is another one."""


class Lane(msgspec.Struct, frozen=True):
    """Where in a sequence of calls one stands, so that a resend is told from a new call."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Unique:
    """The unique key a job holds, and for how long (ms; 0: until it ends)."""

    key: str = ""
    hold_ms: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A job as ``find`` and ``peek`` return it."""

    id: str
    state: str
    score: float | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """What ``peek`` returns."""

    looked: int
    """Entries passed, with those that hold no job any more; 0: there are no further ones."""
    found: list[Found]


@dataclass(frozen=True, slots=True)
class HandlerDepth:
    """How many jobs of one handler are ready, and how long the oldest has been, in s."""

    depth: int
    latency_s: float


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs a queue has in each state, at one moment."""

    ready: int
    """Includes the suspects that wait to run alone."""
    scheduled: int
    retrying: int
    running: int
    dead: int
    latency_s: float
    """How long the oldest ready job has been ready, in s."""
    is_paused: bool
    totals: dict[str, int]
    """Transitions since the queue began: enqueued, completed, retried, buried, …"""
    handlers: dict[str, HandlerDepth]

    @property
    def suspects(self) -> int:
        """How many of the ready jobs were running when a worker died, and wait to run alone."""
        return self.ready - sum(handler.depth for handler in self.handlers.values())


class Write(IntEnum):
    """What became of settings that somebody wrote."""

    DONE = 1
    SAME = 0
    """They were in force already."""
    HELD = -1
    """An older owner holds them."""
    OUTDATED = -2
    """A newer generation of this owner was there first."""
    GONE = -3
    """This owner was replaced, or taken away, as one that is gone."""


@dataclass(frozen=True, slots=True)
class Configured:
    """The answer to ``configure``."""

    write: Write
    generation: int
    """Of the settings that are in force now."""
    holder: Owner
    """Whose they are."""
    replaced: bytes = b""
    """JSON of the settings that were in force before, where it was another one."""


@dataclass(frozen=True, slots=True)
class Disowned:
    """The answer to ``disown``."""

    was_own: bool
    """Whether the settings were of this owner, so that they are taken away."""
    generation: int
    settings: bytes
    """JSON of what was taken away."""


NOT_UNIQUE = Unique()


def _read_sent(reply: Any) -> Sent:
    return Sent(text(reply) or None)


def _stored(_added: int) -> Sent:
    return _SENT


_SENT = Sent(None)


@lru_cache(maxsize=1024)
def _enqueue_keys(keys: Keys, handler: str) -> tuple[str, ...]:
    return (
        keys.jobs,
        keys.ready(handler),
        keys.wake(handler),
        keys.handlers,
        keys.senders,
        keys.stats,
    )


def enqueue(keys: Keys, lane: Lane, handler: str, jobs: Sequence[Argument]) -> Command[Sent]:
    """Make jobs ready.  ``jobs`` are id and body in turn, at most ``ENQUEUE_AT_ONCE`` pairs."""
    args = [lane.name, lane.number, handler, *jobs]
    return Command("enqueue", _enqueue_keys(keys, handler), args, _stored)


def enqueue_unique(
    keys: Keys, lane: Lane, handler: str, job: Sequence[Argument], unique: Unique
) -> Command[Sent]:
    """Make a job ready unless a live one holds its key.  ``job`` is its id and body."""
    return Command(
        "enqueue_unique",
        (*_enqueue_keys(keys, handler), keys.unique, keys.unique_of),
        [lane.name, lane.number, handler, unique.key, unique.hold_ms, *job],
        _read_sent,
    )


def schedule(
    keys: Keys,
    lane: Lane,
    handler: str,
    jobs: Sequence[Argument],
    unique: Unique = NOT_UNIQUE,
    *,
    due_ms: int | None = None,
    wait_ms: int = 0,
) -> Command[Sent]:
    """Keep jobs until they are due: at ``due_ms`` since 1970, or ``wait_ms`` from now."""
    return Command(
        "schedule",
        [
            keys.jobs,
            keys.scheduled,
            keys.handlers,
            keys.senders,
            keys.stats,
            keys.unique,
            keys.unique_of,
        ],
        [
            lane.name,
            lane.number,
            handler,
            unique.key,
            unique.hold_ms,
            "" if due_ms is None else due_ms,
            wait_ms,
            *jobs,
        ],
        _read_sent,
    )


def cancel(keys: Keys, ids: Sequence[str]) -> Command[list[str]]:
    """Cancel jobs; the reply names those that were waiting or running."""
    return Command(
        "cancel",
        [keys.jobs, keys.dead, keys.running, keys.stats, keys.unique, keys.unique_of],
        ids,
        texts,
    )


def purge(keys: Keys, source: str, limit: int = 1000) -> Command[int]:
    """Delete up to ``limit`` jobs from one list or zset of the queue."""
    return Command(
        "purge",
        [source, keys.jobs, keys.stats, keys.unique, keys.unique_of, keys.suspects],
        [limit],
        int,
    )


def forget(keys: Keys, ids: Sequence[str]) -> Command[int]:
    """Delete dead jobs by id, at most 1,000; the reply is how many were dead."""
    return Command(
        "forget", [keys.dead, keys.jobs, keys.stats, keys.unique, keys.unique_of], ids, int
    )


def redrive(keys: Keys, handler: str, jobs: Sequence[Argument]) -> Command[list[str]]:
    """Make dead jobs ready.  ``jobs`` are id and body in turn, at most 200 pairs."""
    return Command(
        "redrive",
        [
            keys.dead,
            keys.jobs,
            keys.handlers,
            keys.stats,
            keys.ready(handler),
            keys.wake(handler),
        ],
        [handler, *jobs],
        texts,
    )


def find(keys: Keys, job_id: str) -> Command[Found | None]:
    """Look one job up."""

    def read(reply: Any) -> Found | None:
        if not reply:
            return None
        body, state, score = reply
        return Found(job_id, text(state), float(score) if score else None, body)

    return Command(
        "find",
        [keys.jobs, keys.scheduled, keys.retrying, keys.running, keys.dead],
        [job_id],
        read,
    )


def peek(
    keys: Keys, source: str, state: str, *, offset: int = 0, limit: int = 100, newest: bool = False
) -> Command[Page]:
    """Read up to 200 jobs of one list or zset."""

    def read(reply: Any) -> Page:
        looked, flat = reply
        triples = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
        return Page(looked, [Found(text(i), state, float(score), b) for i, score, b in triples])

    return Command("peek", [source, keys.jobs], [offset, limit, int(newest)], read)


def counts(keys: Keys, handlers: Sequence[str]) -> Command[Counts]:
    """Count jobs by state; ``handlers`` are the names whose ready lists are counted."""

    def read(reply: Any) -> Counts:
        now, scheduled, retrying, running, dead, alone, pause, totals, ready = reply
        depths = {
            name: HandlerDepth(depth, max(0, number(now) - number(since)) / 1000 if depth else 0.0)
            for name, depth, since in zip(handlers, ready[::2], ready[1::2], strict=True)
        }
        return Counts(
            ready=sum(item.depth for item in depths.values()) + alone,
            scheduled=scheduled,
            retrying=retrying,
            running=running,
            dead=dead,
            latency_s=max((item.latency_s for item in depths.values()), default=0.0),
            is_paused=pause != 0,
            totals=dict(zip(texts(totals[::2]), map(number, totals[1::2]), strict=True)),
            handlers=depths,
        )

    return Command(
        "counts",
        [
            keys.scheduled,
            keys.retrying,
            keys.running,
            keys.dead,
            keys.alone,
            keys.stats,
            keys.pause,
            *(keys.ready(name) for name in handlers),
        ],
        [],
        read,
    )


def configure(
    keys: Keys,
    owner: Owner,
    settings: bytes,
    *,
    paused: str | None = None,
    over: str = "",
    place: str = "",
) -> Command[Configured]:
    """Write what an owner says about a queue.

    Args:
        keys: Of the queue.
        owner: Whose settings they are.
        settings: JSON; empty: they are left as they are.
        paused: By and reason of the owner's pause; empty: not paused; None: it is left as it is.
        over: Uid of an owner that is gone, and is replaced.
        place: Address that the owner knows this Redis by.
    """

    def read(reply: Any) -> Configured:
        outcome, generation, name, uid, created, spec, home, replaced = reply
        who = Owner(text(name), text(uid), whole(created), whole(spec), text(home))
        return Configured(Write(outcome), generation, who, replaced)

    said = "-" if paused is None else paused
    args: list[Argument] = [owner.name, owner.uid, owner.created_ms, owner.spec, owner.home]
    return Command("configure", _owned(keys), [*args, over, said, settings, place], read)


def disown(keys: Keys, uid: str, *, is_gone: bool, place: str = "") -> Command[Disowned]:
    """Take away the settings and the pause of an owner, which writes no more where it is gone.

    Args:
        keys: Of the queue.
        uid: Of the owner.
        is_gone: Its late calls are not obeyed.
        place: Only what it wrote by this address of Redis; empty: by any.
    """

    def read(reply: Any) -> Disowned:
        was_own, generation, settings = reply
        return Disowned(was_own == 1, generation, settings)

    return Command("disown", _owned(keys), [uid, int(is_gone), place], read)


def _owned(keys: Keys) -> tuple[str, ...]:
    return (keys.settings, keys.pause, keys.pauses)
