"""The two clocks of the operator: one that measures, one that people read."""

from __future__ import annotations

import time
from datetime import UTC, datetime

# Linux' monotonic clock stands still while the machine sleeps: a leader that wakes up would
# believe that no time has passed.  This one goes on.
_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady() -> float:
    """Return seconds that never go back, from a start of their own."""
    return time.clock_gettime(_STEADY)


def stamp() -> str:
    """Return the time of day as Kubernetes writes it, for people: nothing is decided by it."""
    # A MicroTime without a fraction is refused, so it is written also where it is 0.
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
