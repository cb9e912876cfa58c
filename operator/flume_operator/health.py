"""When the operator is alive and ready, and where it says so.

Not alive is what only a restart mends: an event loop that stands still, a run for a Pipeline that
does not end, a watch that is dead.  An API server or a Redis that is away is none of these.
A replica that waits for the Lease is ready: a rollout must not wait for it to lead.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from flume.health import Answer, HealthServer

LOOP_BOUND_S = 30.0
"""Nothing of the operator blocks a loop for longer than the reading of a list."""
STUCK_BOUND_S = 180.0
"""For how long a run may go on: three times the time after which it is cut off."""

Check = Callable[[], Answer]


def all_of(checks: Mapping[str, Check]) -> Check:
    """Return a check that holds where each of these does, and names those that do not."""

    def check() -> Answer:
        answers = {name: each() for name, each in list(checks.items())}
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


@contextlib.contextmanager
def served(
    port: int,
    *,
    live: Mapping[str, Check],
    ready: Check,
    registry: CollectorRegistry,
) -> Iterator[int]:
    """Answer /healthz, /readyz and /metrics in a thread of its own; yield the port.

    Args:
        port: 0 takes a free one.
        live: What only a restart mends, by name.
        ready: Whether this replica works or could take over.
        registry: What /metrics shows, with the process' own.

    Raises:
        ConfigurationError: If the port cannot be opened.
    """
    ProcessCollector(registry=registry)
    server = HealthServer(
        port,
        checks={"/healthz": all_of(live), "/readyz": ready},
        metrics=lambda: generate_latest(registry),
    )
    server.start()
    try:
        yield server.port
    finally:
        server.stop()
