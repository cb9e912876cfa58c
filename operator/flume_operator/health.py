"""When the operator is alive and ready, and where it says so.

Not alive is what only a restart mends: an event loop that stands still, a run for a Pipeline that
does not end, a watch that is dead.  An API server or a Redis that is away is none of these.
A replica that waits for the Lease is ready: a rollout must not wait for it to lead.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from flume.health import Answer, HealthServer

LOOP_BOUND_S = 30.0
"""Nothing of the operator blocks a loop for longer than the reading of a list."""
STUCK_BOUND_S = 180.0
"""For how long a run may go on: three times the time after which it is cut off."""
ASK_EVERY_S = 10.0
MOST_MISSED = 3
"""A loop that reads a long list may miss one question."""

Check = Callable[[], Answer]


def all_of(checks: Mapping[str, Check]) -> Check:
    """Return a check that holds where each of these does, and names those that do not."""

    def check() -> Answer:
        answers = {name: each() for name, each in checks.items()}
        words = [f"{name}: {word}" for name, (is_well, word) in answers.items() if not is_well]
        return not words, "; ".join(words) or "ok"

    return check


def not_stuck(oldest_started_s: Callable[[], float], *, bound_s: float = STUCK_BOUND_S) -> Check:
    """Return a check that no run for a Pipeline goes on for ever.

    Args:
        oldest_started_s: How long ago the oldest of the present runs began; called in the thread
            of the health port.
        bound_s: For how long one may go on.
    """

    def check() -> Answer:
        age_s = oldest_started_s()
        if age_s > bound_s:
            return False, f"a run has not ended for {age_s:.0f} s, and {bound_s:.0f} are allowed"
        return True, "ok"

    return check


def running(thread: threading.Thread) -> Check:
    """Return a check that a thread has not ended."""

    def check() -> Answer:
        return thread.is_alive(), "ok" if thread.is_alive() else f"{thread.name} has ended"

    return check


class Answering:
    """Asks something now and then whether it still answers, such as another thread's event loop.

    Args:
        ask: Returns whether it does.
        what: Name of it.
        every_s: Seconds between two questions.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[bool]], *, what: str, every_s: float = ASK_EVERY_S
    ) -> None:
        self._ask = ask
        self._what = what
        self._every_s = every_s
        self._missed = 0

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            self._missed = 0 if await self._ask() else self._missed + 1
            await asyncio.sleep(self._every_s)

    def check(self) -> Answer:
        """Return whether it answers, and a word on it; any thread."""
        if self._missed < MOST_MISSED:
            return True, "ok"
        return False, f"{self._what} did not answer {self._missed} times in a row"


@contextlib.contextmanager
def served(
    port: int,
    *,
    live: Mapping[str, Check],
    ready: Mapping[str, Check],
    registry: CollectorRegistry,
) -> Iterator[int]:
    """Answer /healthz, /readyz and /metrics in a thread of its own; yield the port.

    Args:
        port: 0 takes a free one.
        live: What only a restart mends, by name.
        ready: What has to be there before this replica counts, by name.
        registry: What /metrics shows, with the process' own.

    Raises:
        ConfigurationError: If the port cannot be opened.
    """
    ProcessCollector(registry=registry)
    server = HealthServer(
        port,
        checks={"/healthz": all_of(live), "/readyz": all_of(ready)},
        metrics=lambda: generate_latest(registry),
    )
    server.start()
    try:
        yield server.port
    finally:
        server.stop()
