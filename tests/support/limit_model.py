"""What a rate limit must do, in a few lines: every grant is kept, and counted again each time."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from flume.commands.limit import SLACK_MS, Definition

HOUR_MS = 3600 * 1000


@dataclass
class Given:
    """One grant."""

    at: int
    """By the limiter's own clock."""
    truly_at: int
    """By a clock that goes on while Redis' clock is set back."""
    n: int
    epoch: int
    slack: int = SLACK_MS
    is_counted: bool = True
    """Whether the window in which it lies is still looked at."""


FORGOTTEN_MS = 10_000
"""How long a slack is kept that nobody needs any more."""
MOST_AHEAD_MS = 50
"""How far the limiter's clock is ahead of Redis' at the most."""
STALE_MS = 5000
"""How long what a queue said keeps older generations of it out."""


@dataclass
class LimitModel:
    """The definitions, the clock and the grants of one limit."""

    shown: int
    """Redis' clock, ms."""
    at: int = 0
    truly: int = 0
    seen: int = 0
    """What the clock said to the last call, or what it says once it is where ``at`` is."""
    lead: int = 0
    """How far ``at`` is ahead."""
    period: int = 0
    epoch: int = 0
    slack: int = 0
    wide: int = 0
    """When the last call needed it."""
    oldest: int = 0
    """Slot before which nothing is counted any more, however long the window becomes."""
    carried: tuple[int, int] = (0, 0)
    """When the last period began, and how much of the window before counts as granted then."""
    given: list[Given] = field(default_factory=list)
    definitions: dict[str, tuple[Definition, int]] = field(default_factory=dict)

    def step(self, ms: int) -> None:
        """Redis' clock is set; ahead it cannot be told from time that passes."""
        self.shown += ms
        self.truly += max(0, ms)

    def lose(self) -> None:
        """All keys are gone: a new window."""
        self.at = self.seen = self.period = self.slack = self.oldest = self.lead = 0
        self.carried = (0, 0)
        self.given.clear()
        self.definitions.clear()

    def look(self) -> None:
        """A call comes."""
        if self.period:
            self.at += max(0, self.shown - self.seen)
            self.lead = min(MOST_AHEAD_MS, max(0, self.seen - self.shown))
        else:
            self.at, self.lead = self.shown, 0
        self.seen = self.shown + self.lead

    def run_ahead(self, lead: int) -> None:
        """A caller waits so long with its tokens."""
        self.at += lead - self.lead
        self.lead, self.seen = lead, self.shown + lead

    def define(self, queue: str, own: Definition) -> None:
        """Keep what a queue says, unless it said something newer not long ago."""
        self.definitions = {
            name: kept for name, kept in self.definitions.items() if self.at - kept[1] <= HOUR_MS
        }
        known = self.definitions.get(queue)
        is_new = known is None or own.generation >= known[0].generation
        if is_new or (known and self.at - known[1] >= STALE_MS):
            self.definitions[queue] = (own, self.at)

    def in_force(self, otherwise: Definition) -> tuple[int, int]:
        """Return the count and period of the strictest definition."""
        live = [own for own, _ in self.definitions.values() if own.count] or [otherwise]
        if not live[0].count:
            return 0, 0
        first = min(live, key=lambda own: (Fraction(own.count, own.period_ms), own.count))
        return first.count, first.period_ms

    def widen(self, slack: int) -> None:
        """A call comes from somebody who needs so long to start a job."""
        is_over = self.at - self.wide > max(FORGOTTEN_MS, self.period + self.slack)
        if slack >= self.slack or is_over:
            self.slack, self.wide = slack, self.at

    def free(self, count: int, period: int) -> int:
        """Return how many tokens may be granted; begins a new epoch where the period is new."""
        self.expire()
        if period != self.period:
            held = self._held() if self.period else 0
            for one in self.given:
                one.is_counted = one.is_counted and self._is_held(one.at)
            self.carried = (self.at, held)
            self.period, self.oldest = period, 0
            self.epoch += 1
        return max(0, count - self._held())

    def free_soon(self, count: int, ahead: int) -> int:
        """Return how many tokens would be free so many ms after Redis' clock."""
        at, oldest = self.at, self.oldest
        self.at += max(0, ahead - self.lead)
        self.expire()
        free = count - self._held()
        self.at, self.oldest = at, oldest
        return free

    def truly_held(self) -> int:
        """Return how many jobs may start in the period that ends when the last grant begins."""
        since = self.truly + self.lead - self.period
        return sum(
            one.n for one in self.given if one.is_counted and one.truly_at + one.slack >= since
        )

    def can_take_back(self, one: Given) -> bool:
        """Whether a grant lies in the window that is counted now."""
        return one.epoch == self.epoch and self._is_held(one.at)

    def _held(self) -> int:
        began, carried = self.carried
        held = sum(one.n for one in self.given if self.can_take_back(one))
        return held + (carried if self._is_held(began) else 0)

    def _is_held(self, at: int) -> bool:
        return at // -(-self.period // 128) >= self.oldest

    def expire(self) -> None:
        """Leave behind what the window has left."""
        if self.period:
            width = -(-self.period // 128)
            self.oldest = max(self.oldest, (self.at - self.period - self.slack) // width)
