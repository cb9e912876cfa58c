"""Wait for a condition, never for a time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

POLL_SECONDS = 0.01


def wait_until(
    condition: Callable[[], object], timeout: float = 10.0, *, what: str = "the condition"
) -> None:
    """Return once ``condition()`` is true.

    Args:
        condition: Asked every 10 ms.
        timeout: Seconds until the wait is given up.
        what: Named by the error.

    Raises:
        TimeoutError: If it does not come true in time.
    """
    for pause in _pauses(condition, timeout, what):
        threading.Event().wait(pause)


async def wait_until_async(
    condition: Callable[[], object], timeout: float = 10.0, *, what: str = "the condition"
) -> None:
    """Return once ``condition()`` is true, and let other tasks run meanwhile.

    Raises:
        TimeoutError: If it does not come true in time.
    """
    for pause in _pauses(condition, timeout, what):
        try:
            await asyncio.wait_for(asyncio.Event().wait(), pause)
        except TimeoutError:
            pass


def _pauses(condition: Callable[[], object], timeout: float, what: str) -> Iterator[float]:
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= end:
            raise TimeoutError(f"{what} did not come true within {timeout:g} s")
        yield POLL_SECONDS
