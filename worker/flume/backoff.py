"""How long a failed job waits before it runs again."""

from __future__ import annotations

from random import Random


def retry_delay(attempt: int, *, initial: float, maximum: float, rng: Random) -> float:
    """Return how long to wait before running a job again.

    The delay doubles with each attempt and is then drawn between half of itself and itself, so
    that jobs which failed together do not return together.

    Args:
        attempt: Attempts already made, counted from 1.
        initial: Delay after the first attempt, in seconds.
        maximum: Longest delay, in seconds.  Applied before the draw.
        rng: Source of the draw.  Tests pass a seeded one.

    Returns:
        A delay in seconds, never above ``maximum``.

    Raises:
        ValueError: If ``attempt`` is below 1.
    """
    if attempt < 1:
        raise ValueError(f"attempt counts from 1, got {attempt}")

    delay = min(maximum, initial * 2.0 ** min(attempt - 1, 32))
    return rng.uniform(delay / 2, delay)
