"""Jobs a second, from counters read twice.  Pure: ``top`` reads them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

BARS = "▁▂▃▄▅▆▇█"
HISTORY = 60
"""Samples kept for the small chart: a minute at the usual interval."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Transitions a second."""

    handed_in: float = 0.0
    """Enqueued or scheduled."""
    done: float = 0.0
    """Completed, or discarded by their handler."""
    retried: float = 0.0
    buried: float = 0.0

    def __add__(self, other: Rates) -> Rates:
        return Rates(
            self.handed_in + other.handed_in,
            self.done + other.done,
            self.retried + other.retried,
            self.buried + other.buried,
        )


def rates(before: Mapping[str, int], after: Mapping[str, int], seconds: float) -> Rates:
    """Return what the counters rose by a second; 0 where they were set back."""

    def rise(*names: str) -> float:
        delta = sum(after.get(name, 0) - before.get(name, 0) for name in names)
        return max(0, delta) / seconds if seconds > 0 else 0.0

    return Rates(
        rise("enqueued", "scheduled"),
        rise("completed", "discarded"),
        rise("retried"),
        rise("buried"),
    )


@dataclass(slots=True)
class Sampler:
    """Remembers the last counters of each queue."""

    _last: dict[str, Mapping[str, int]] = field(default_factory=dict)
    _at: float | None = None
    done: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY))
    """Jobs done a second, of all queues together; the newest last."""

    def add(self, at: float, totals: Mapping[str, Mapping[str, int]]) -> dict[str, Rates]:
        """Return the rates by queue since the call before; none at the first.

        Args:
            at: When the counters were read, in s of any steady clock.
            totals: The counters by queue.
        """
        found: dict[str, Rates] = {}
        if self._at is not None:
            found = {
                name: rates(self._last.get(name, {}), counters, at - self._at)
                for name, counters in totals.items()
            }
            self.done.append(sum(one.done for one in found.values()))
        self._at, self._last = at, dict(totals)
        return found


def chart(values: deque[float]) -> str:
    """Return the values as bars, the highest of them at full height."""
    top = max(values, default=0.0)
    if top <= 0:
        return BARS[0] * len(values)
    return "".join(BARS[round(value / top * (len(BARS) - 1))] for value in values)


def per_second(rate: float) -> str:
    """Return a rate for people: ``0``, ``0.4``, ``12,345``."""
    return f"{rate:,.1f}".removesuffix(".0") if rate < 10 else f"{rate:,.0f}"
