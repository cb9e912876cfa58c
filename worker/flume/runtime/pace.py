"""How fast places become free, and so how far ahead it is right to claim."""

from __future__ import annotations

AHEAD_S = 0.05
"""What is claimed ahead starts within this at the present pace (contract 5)."""
LIMITED_AHEAD_S = 0.01
"""The same under a rate limit: a token starts no job after its slack, 15 ms next to Redis."""
WINDOW_S = 0.02
"""Shortest stretch that is measured: below it a single claim would look like a rate."""


class Pace:
    """Jobs that end per second, by the caller's monotonic clock; the past is forgotten in 0.1 s.

    Ends, not starts: filling places that were free says nothing about the next free one.
    """

    def __init__(self) -> None:
        self._rate = 0.0
        self._since = 0.0
        self.ahead_s = AHEAD_S
        self.ended = 0
        """Jobs that ended since the last look; a lane raises it, which costs less than a call."""

    def ahead(self, now: float) -> int:
        """Return how many jobs start within ``ahead_s`` if the pace holds."""
        elapsed = now - self._since
        if elapsed >= WINDOW_S:
            measured = self.ended / elapsed
            weight = min(1.0, elapsed / (5 * WINDOW_S))
            self._rate += (measured - self._rate) * max(weight, 0.5)
            self._since, self.ended = now, 0
        return int(self._rate * self.ahead_s)
