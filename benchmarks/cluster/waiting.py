"""Wait for something, with a bound."""

from __future__ import annotations

import time
from collections.abc import Callable

POLL_SECONDS = 0.05


class NeverError(RuntimeError):
    """What a measurement waits for did not come about in time."""


def until(
    condition: Callable[[], object], seconds: float, what: str, *, poll: float = POLL_SECONDS
) -> None:
    """Return once ``condition()`` is true.

    Raises:
        NeverError: If it is not within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise NeverError(f"{what}: not within {seconds:g} s")
        time.sleep(poll)
