"""What is needed to judge a rate limit: every start, every token, and the fullest window."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from flume.events import TokensReturned, TokensTaken, bus
from flume.pipeline import RateLimit

PERIOD_S = 1
"""The shortest."""


def limit(count: int, key: str | None = "shared", *, period_s: int = PERIOD_S) -> RateLimit:
    """Return a limit."""
    return RateLimit(count, period_s, key)


def fullest(starts: Iterable[float], period_s: float = PERIOD_S) -> int:
    """Return the largest number of starts in any window of the period, whatever its own start."""
    times = sorted(starts)
    most = first = 0
    for place, at in enumerate(times):
        while at - times[first] >= period_s:
            first += 1
        most = max(most, place - first + 1)
    return most


@dataclass
class Starts:
    """Handlers that note when they begin, and the tokens that were taken meanwhile.

    Use as a context manager: it listens until the end.
    """

    at: list[float] = field(default_factory=list)
    """Monotonic s, one for each start of a job."""
    runs: list[Any] = field(default_factory=list)
    """What each start was given."""
    taken: list[TokensTaken] = field(default_factory=list)
    returned: list[TokensReturned] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Starts:
        self._stack.callback(bus.subscribe(TokensTaken, self.taken.append))
        self._stack.callback(bus.subscribe(TokensReturned, self.returned.append))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def note(self, *values: Any) -> None:
        """Note the start of a job for each of the values."""
        now = time.monotonic()
        with self._lock:
            self.at += [now] * len(values)
            self.runs += values

    async def run(self, value: Any = 0) -> None:
        """Be an async handler."""
        self.note(value)

    def run_sync(self, value: Any = 0) -> None:
        """Be a sync one."""
        self.note(value)

    def in_use(self) -> int:
        """Return how many tokens were taken and not given back."""
        return sum(t.count for t in self.taken) - sum(t.count for t in self.returned)

    def granted(self) -> list[float]:
        """Return when each token that was not given back was taken, in s by Redis' clock."""
        held: dict[tuple[str, str, int], int] = {}
        for sign, events in ((1, self.taken), (-1, self.returned)):
            for event in events:
                place = (event.queue, event.key, event.at_ms)
                held[place] = held.get(place, 0) + sign * event.count
        return [at / 1000 for (_, _, at), n in held.items() for _ in range(n)]
