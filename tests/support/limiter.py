"""A rate limit on a real server whose clock stands until a test moves it."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from flume.commands import limit
from flume.commands.client import Lane
from flume.commands.command import Command
from flume.commands.limit import SLACK_MS, Definition, Grant, InForce
from flume.commands.script import script
from flume.connection import SyncConnections
from flume.keys import LimitKeys

T = TypeVar("T")

START_MS = 1_800_000_000_003
_TIME = "redis.call('TIME')"
_GIVEN = "{ARGV[#ARGV - 1], ARGV[#ARGV]}"


@dataclass
class Limiter:
    """The commands of one limit; ``now`` is what Redis' clock says to their scripts, in ms."""

    connections: SyncConnections
    keys: LimitKeys = field(default_factory=lambda: LimitKeys("shared"))
    now: int = START_MS
    lanes: int = 0

    def run(self, command: Command[T]) -> T:
        """Send one command; its script is told the time instead of asking for it."""
        source = script(command.script).source
        assert source.count(_TIME) == 1
        time = (self.now // 1000, self.now % 1000 * 1000)
        source = source.replace(_TIME, _GIVEN)
        keys = command.keys
        reply = self.connections.call("EVAL", source, len(keys), *keys, *command.args, *time)
        return command.read(reply)

    def lane(self) -> Lane:
        """Return the first call of a lane that nobody has used."""
        self.lanes += 1
        return Lane(f"lane{self.lanes}", 1)

    def reserve(self, want: int, own: Definition, *, queue: str = "orders", step: int = 1) -> Grant:
        """Take tokens, each time by a new caller."""
        return self.run(limit.reserve(self.keys, queue, self.lane(), want, own, step=step))

    def refund(self, grant: Grant, n: int, *, queue: str = "orders") -> int:
        """Give tokens back."""
        return self.run(limit.refund(self.keys, queue, self.lane(), grant, n))

    def define(self, own: Definition, *, queue: str = "orders") -> InForce:
        """Write a definition."""
        return self.run(limit.define(self.keys, queue, own))

    def memory(self) -> int:
        """Return how many bytes the limit takes."""
        keys = (self.keys.ring, self.keys.callers, self.keys.senders)
        return sum(self.connections.call("MEMORY", "USAGE", key, "SAMPLES", 0) or 0 for key in keys)


@dataclass(frozen=True)
class Caller:
    """A caller that asks again as soon as it may."""

    queue: str
    want: int
    step: int = 1
    gap_ms: int = 1
    """Between a grant and the next call."""
    stops_ms: int = 10**9
    """When it asks no more."""


@dataclass
class Played:
    """What callers were granted."""

    grants: list[tuple[int, str, int]] = field(default_factory=list)
    """When, to which queue, how many."""
    asked: Counter[int] = field(default_factory=Counter)
    """Calls by ms."""

    def total(self, queue: str = "", since_ms: int = 0, until_ms: int = 10**9) -> int:
        """Return how many tokens were granted from one moment to another, from the start on."""
        return sum(
            n
            for at, to, n in self.grants
            if to.startswith(queue) and since_ms <= at - START_MS < until_ms
        )

    def fullest(self, period_ms: int) -> int:
        """Return the largest number of starts that any window can have.

        A start lies up to the slack behind its grant, so that windows longer by it are looked at.
        """
        most, held, first = 0, 0, 0
        grants = sorted(self.grants)  # those of who waits with tokens are of later
        for at, _, n in grants:
            held += n
            while grants[first][0] < at - period_ms - SLACK_MS:
                held -= grants[first][2]
                first += 1
            most = max(most, held)
        return most


def play(
    limiter: Limiter,
    own: Definition,
    callers: Sequence[Caller],
    *,
    for_ms: int,
    refunds: float = 0.0,
    ahead_ms: int = 0,
    late_ms: int = 0,
) -> Played:
    """Let callers ask, and come back when they are told.

    Args:
        limiter: Whose clock is moved.
        own: What all their queues say.
        callers: Who asks.
        for_ms: How long.
        refunds: Most of a grant that is given back, by every second one.
        ahead_ms: For how long they wait with tokens rather than for them.
        late_ms: Most by which they come too late.
    """
    played, rng = Played(), Random(1)
    numbers = Counter[int]()
    waiting = [(START_MS, place) for place in range(len(callers))]
    while waiting[0][0] < START_MS + for_ms:
        at, place = heapq.heappop(waiting)
        limiter.now = at
        caller = callers[place]
        if at - START_MS >= caller.stops_ms:
            heapq.heappush(waiting, (START_MS + for_ms, place))
            continue
        played.asked[at - START_MS] += 1

        numbers[place] += 1
        lane = Lane(f"caller{place}", numbers[place])
        asking = limit.reserve(
            limiter.keys,
            caller.queue,
            lane,
            caller.want,
            own,
            step=caller.step,
            ahead_ms=ahead_ms,
        )
        grant = limiter.run(asking)
        kept = grant.count
        if refunds and kept and rng.random() < 0.5:
            numbers[place] += 1
            lane = Lane(f"caller{place}", numbers[place])
            back = rng.randint(0, int(kept * refunds))
            kept -= limiter.run(limit.refund(limiter.keys, caller.queue, lane, grant, back))
        if kept:
            played.grants.append((at + grant.lead_ms, caller.queue, kept))
        wait_ms = caller.gap_ms + grant.lead_ms if grant.count else max(1, grant.wait_ms)
        again = at + wait_ms + rng.randint(0, late_ms)
        heapq.heappush(waiting, (again, place))
    return played
