"""What a worker sends: claims, outcomes, beats and the queue's housekeeping."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from flume.commands.client import Lane
from flume.commands.command import Argument, Command, number, text, texts
from flume.keys import Keys

CLAIM_ROOM = 4 * 1024 * 1024
"""Bytes of bodies in one claim's reply: what takes Redis and Python a few ms."""
RELEASE_AT_ONCE = 1000
OUTCOMES_AT_ONCE = 200
"""Retries or burials in one call: they carry whole bodies."""
SEQUENCES = 256
"""Claim sequences a fence can tell apart (8 bits, ``include/fence.lua``)."""

LANE_AGE_MS = 3600 * 1000
"""How long a silent lane is remembered: a resend comes within seconds, a person's within this."""
WORKER_AGE_MS = 600 * 1000
"""How long the number of a worker that went silent is kept from others."""


class Suspicion(IntEnum):
    """What a claim says about suspects."""

    NONE = 0
    RUN_ALONE = 1
    EMPTY_YOURSELF = 2


@dataclass(frozen=True, slots=True)
class Claimed:
    """The reply of a claim."""

    paused_ms: int
    """Until a pause ends; 0: not paused, -1: no end."""
    suspicion: Suspicion
    waited_ms: int
    """How long the first of the jobs had been ready."""
    ids: list[bytes]
    bodies: list[bytes]
    closes_ms: int = 0
    """Until the first open batch is due; 0: none is open."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The reply of a beat: what is due, and what has changed."""

    is_registered: bool
    promote: bool
    reclaim: bool
    prune: bool
    settings: bytes
    """It changes when the settings record does: generation, owner and what that one counts."""
    handlers: int
    now_ms: int
    """By Redis' clock."""
    paused_ms: int
    """Until a pause that holds for this worker ends; 0: not paused, -1: no end."""
    change: str
    """Id of the last pause or resume."""


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """The reply of a reclaim."""

    seen: int
    charged: list[str]
    released: list[str]
    buried: list[str]


def _pairs(keys: Keys, handlers: Iterable[str]) -> Iterable[str]:
    for name in handlers:
        yield keys.ready(name)
        yield keys.wake(name)


def _read_claimed(reply: Any) -> Claimed:
    now, paused, suspicion, since, ids, bodies, *closes = reply
    waited = max(0, now - since) if ids else 0  # the clock may have been set back
    return Claimed(paused, Suspicion(suspicion), waited, ids, bodies, *closes)


def claim(
    keys: Keys,
    handlers: Sequence[str],
    *,
    fence: int,
    limit: int,
    lease_ms: int,
    holds: int,
    again: bool = False,
    worker_id: str = "",
) -> Command[Claimed]:
    """Lease up to ``limit`` ready jobs of ``handlers``; ``again`` asks for a lost reply's jobs."""
    return Command(
        "claim",
        [
            keys.pause,
            keys.jobs,
            keys.running,
            keys.suspects,
            keys.alone,
            keys.clock,
            *_pairs(keys, handlers),
        ],
        [fence, limit, lease_ms, CLAIM_ROOM, holds, int(again), worker_id],
        _read_claimed,
    )


def claim_batch(
    keys: Keys,
    handlers: Sequence[str],
    *,
    fence: int,
    limit: int,
    lease_ms: int,
    holds: int,
    size: int,
    timeout_ms: int,
    again: bool = False,
    worker_id: str = "",
) -> Command[Claimed]:
    """Lease up to ``limit`` batches of one of ``handlers``; else as ``claim``."""
    plain = claim(
        keys,
        handlers,
        fence=fence,
        limit=limit,
        lease_ms=lease_ms,
        holds=holds,
        again=again,
        worker_id=worker_id,
    )
    return Command("claim_batch", plain.keys, [*plain.args, size, timeout_ms], _read_claimed)


def complete(
    keys: Keys, groups: Sequence[Argument], *, counter: str = "completed"
) -> Command[list[bytes]]:
    """Forget jobs that ended.  ``groups`` are fence, how many ids, the ids; again and again."""
    return Command(
        "complete",
        [keys.running, keys.jobs, keys.stats, keys.suspects, keys.unique, keys.unique_of],
        [counter, *groups],
        list,
    )


def retry(keys: Keys, lane: Lane, jobs: Sequence[Argument]) -> Command[list[bytes]]:
    """Let failed jobs wait.  ``jobs`` are id, fence, wait in ms, handler, body; in turn."""
    return Command(
        "retry",
        [keys.running, keys.jobs, keys.retrying, keys.suspects, keys.stats, keys.senders],
        [lane.name, lane.number, *jobs],
        list,
    )


def bury(keys: Keys, jobs: Sequence[Argument]) -> Command[list[bytes]]:
    """Give jobs up.  ``jobs`` are id, fence, body (``""`` leaves it as it is); in turn."""
    return Command(
        "bury",
        [
            keys.running,
            keys.jobs,
            keys.dead,
            keys.suspects,
            keys.stats,
            keys.unique,
            keys.unique_of,
        ],
        jobs,
        list,
    )


def release(keys: Keys, handler: str, jobs: Sequence[Argument]) -> Command[list[bytes]]:
    """Give jobs of one handler back unrun.  ``jobs`` are id and fence in turn."""
    return Command(
        "release",
        [
            keys.running,
            keys.jobs,
            keys.suspects,
            keys.alone,
            keys.ready(handler),
            keys.wake(handler),
        ],
        [handler, *jobs],
        list,
    )


def extend(keys: Keys, jobs: Sequence[Argument], *, lease_ms: int) -> Command[list[bytes]]:
    """Keep leases alive.  ``jobs`` are id and fence in turn; the reply names the lost ones."""
    return Command("extend", [keys.running, keys.jobs], [lease_ms, *jobs], list)


def beat(
    keys: Keys,
    worker: int,
    worker_id: str,
    record: bytes,
    *,
    lease_ms: int,
    away: bool,
    settle_ms: int,
) -> Command[Beat]:
    """Say that this worker lives, and learn what is due."""

    def read(reply: Any) -> Beat:
        registered, promote, reclaim_, prune_, settings, handlers, now, paused, change = reply
        return Beat(
            registered == 1,
            promote == 1,
            reclaim_ == 1,
            prune_ == 1,
            settings,
            handlers,
            number(now),
            paused,
            text(change),
        )

    return Command(
        "beat",
        [
            keys.workers,
            keys.clock,
            keys.scheduled,
            keys.retrying,
            keys.running,
            keys.settings,
            keys.handlers,
            keys.pause,
            keys.pauses,
        ],
        [worker, worker_id, record, lease_ms, int(away), settle_ms],
        read,
    )


def promote(keys: Keys, handlers: Sequence[str], limit: int = 1000) -> Command[int]:
    """Make due jobs ready; ``handlers`` are all names of the queue."""
    return Command(
        "promote",
        [keys.scheduled, keys.retrying, keys.jobs, keys.dead, *_pairs(keys, handlers)],
        [limit],
        int,
    )


def reclaim(
    keys: Keys,
    handlers: Sequence[str],
    *,
    lease_ms: int,
    silence_ms: int,
    max_crashes: int,
    limit: int = 200,
) -> Command[Reclaimed]:
    """Take back jobs whose lease has ended; ``handlers`` are all names of the queue."""

    def read(reply: Any) -> Reclaimed:
        seen, charged, released, buried = reply
        return Reclaimed(seen, texts(charged), texts(released), texts(buried))

    return Command(
        "reclaim",
        [
            keys.running,
            keys.jobs,
            keys.workers,
            keys.clock,
            keys.suspects,
            keys.alone,
            keys.dead,
            keys.stats,
            keys.unique,
            keys.unique_of,
            *_pairs(keys, handlers),
        ],
        [limit, lease_ms, silence_ms, max_crashes],
        read,
    )


def prune(keys: Keys, *, dead_max_jobs: int, dead_max_age_ms: int) -> Command[list[int]]:
    """Forget what is too old: dead jobs, lanes and workers."""
    return Command(
        "prune",
        [keys.dead, keys.jobs, keys.senders, keys.workers, keys.clock, keys.pause],
        [dead_max_jobs, dead_max_age_ms, LANE_AGE_MS, WORKER_AGE_MS, 1000],
        list,
    )


def register(keys: Keys, worker_id: str, record: bytes) -> Command[int]:
    """Ask for a worker number; -1 where all are taken."""
    return Command("register", [keys.workers], [worker_id, record], int)


def deregister(keys: Keys, worker: int, worker_id: str, handlers: Sequence[str]) -> Command[int]:
    """Take back the record of a worker that leaves in order."""
    found = [keys.workers, keys.pause, *_pairs(keys, handlers)]
    return Command("deregister", found, [worker, worker_id], int)
