"""What is sent about a rate limit: tokens taken before a claim, tokens given back, definitions.

A token is a right to start one job within a slack of the moment before its reserve was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flume.commands.client import Lane
from flume.commands.command import Command
from flume.keys import Keys, LimitKeys
from flume.pipeline import RateLimit

SLACK_MS = 15
"""Shortest time between a reserve and the start of its jobs: two round trips on a short way, and a
few hundred jobs that start.  The window is longer than the period by the longest slack that any
worker needs (``include/slack.lua``): a second's limit stays unused by 1.5 % for it.  With 10 ms a
machine that is busy gave back two of five tokens, because they had become too old."""

AHEAD_MS = 25
"""How long a worker waits with tokens rather than for them.  It is granted them before their slot
comes free, so that neither a late timer nor a slow answer lets them lie; a busy machine makes both
of 20 ms."""

LONGEST_SLACK_MS = 200
"""Of a worker that is far from Redis; more would not fit the ring."""

LOOK_AGAIN_MS = 1000
"""Who waits for a limit asks again after this at the latest.  What it was told holds unless tokens
are given back or the limit is raised meanwhile, and of that it is not told."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What the settings of one queue say about a limit."""

    count: int
    """Most job starts in a period; 0 (only to ``define``): the queue uses the limit no more."""
    period_ms: int
    generation: int
    """Of the settings: of two definitions of one queue the later one holds."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The strictest of the definitions that queues have given a limit."""

    count: int
    """0: no queue uses the limit."""
    period_ms: int
    is_mismatch: bool
    """Whether it is another one than the queue's own."""
    others_differ: bool = False
    """Whether it is another one than that of some other queue; only ``define`` tells."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The reply of a reserve."""

    count: int
    """Tokens taken."""
    epoch: int
    slot: int
    wait_ms: int
    """When asking for the rest is worthwhile; 0: nothing is missing.  See ``LOOK_AGAIN_MS``."""
    in_force: InForce
    at_ms: int
    """From when they may start jobs, by Redis' clock; ms since 1970."""
    lead_ms: int = 0
    """How long that is after the reply."""


def keys_of(keys: Keys, limit: RateLimit) -> LimitKeys:
    """Return the keys of a queue's limit: of the shared one that it names, or of its own."""
    if limit.key is None:
        return LimitKeys.private(keys.queue, keys.prefix)
    return LimitKeys(limit.key, keys.prefix)


def definition(limit: RateLimit, generation: int) -> Definition:
    """Return what settings of this generation say about their limit."""
    return Definition(limit.count, round(limit.period_s * 1000), generation)


def _read_grant(reply: Any) -> Grant:
    count, epoch, slot, wait_ms, *in_force, now_ms, lead_ms = reply
    return Grant(count, epoch, slot, wait_ms, _read_in_force(in_force), now_ms + lead_ms, lead_ms)


def _read_in_force(reply: Any) -> InForce:
    count, period_ms, is_mismatch, *others_differ = reply
    return InForce(count, period_ms, is_mismatch == 1, others_differ == [1])


def _keys(keys: LimitKeys) -> Sequence[str]:
    return (keys.ring, keys.callers, keys.senders)


def reserve(
    keys: LimitKeys,
    queue: str,
    lane: Lane,
    want: int,
    own: Definition,
    *,
    step: int = 1,
    slack_ms: int = SLACK_MS,
    ahead_ms: int = 0,
) -> Command[Grant]:
    """Take up to ``want`` tokens for jobs of ``queue``; sent again it brings the same ones.

    Args:
        keys: Of the limit.
        queue: That asks; queues that ask at the same time get equal parts.
        lane: Of the caller, which has one call under way at a time.
        want: Most tokens to take.
        own: What the queue's settings say; its count is at least 1.
        step: Take a multiple of this, such as the size of a batch.  Where ``want`` or the limit is
            smaller than one step, that is the step.
        slack_ms: Within how long the caller starts the jobs; ``SLACK_MS`` to
            ``LONGEST_SLACK_MS``.
        ahead_ms: For how long the caller waits with tokens that are not free yet; up to 50.
    """
    return Command(
        "reserve",
        _keys(keys),
        [
            *(queue, lane.name, lane.number, want, step),
            *(own.count, own.period_ms, own.generation, slack_ms, ahead_ms),
        ],
        _read_grant,
    )


def refund(keys: LimitKeys, queue: str, lane: Lane, grant: Grant, n: int) -> Command[int]:
    """Give back ``n`` tokens of ``grant`` that no job was started with; sent again it does no more.

    The reply is how many are free again: 0 once the window has left the grant behind.  Whoever
    waits is not told; a caller that still has jobs asks for tokens again at once.
    """
    return Command(
        "refund",
        _keys(keys),
        [queue, lane.name, lane.number, grant.epoch, grant.slot, n],
        int,
    )


def define(keys: LimitKeys, queue: str, own: Definition) -> Command[InForce]:
    """Write what the settings of ``queue`` say about a limit; ``count`` 0 takes it back.

    The reply is what holds now.  A definition of which no reserve has made use for an hour counts
    no more.
    """
    return Command(
        "define",
        (keys.ring, keys.callers),
        [queue, own.count, own.period_ms, own.generation],
        _read_in_force,
    )
