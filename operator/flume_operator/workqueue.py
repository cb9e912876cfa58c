"""A queue of keys to work on: each key by one task at a time, failures with a growing back-off.

It knows nothing of Kubernetes: what is done for a key, and when it is done again, is the
worker's part.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from flume import FlumeError
from flume_operator.errors import OperatorError, RefusedError

K = TypeVar("K", bound=Hashable)

logger = logging.getLogger("flume_operator.workqueue")

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 120.0
"""What the API server refused may be allowed by now: it is asked again two minutes later."""


@dataclass(slots=True)
class _Entry:
    """What is known of a key."""

    timer: asyncio.TimerHandle | None = None
    due: float = 0.0
    is_queued: bool = False
    running_since: float | None = None
    again_at: float | None = None
    """While it runs: when it must run again."""
    is_pressing: bool = False
    """While it runs: whether that is also so where it fails."""
    failures: int = 0


class WorkQueue(Generic[K]):
    """Calls ``work`` for each key that was woken.

    Args:
        work: Returns after how many seconds the key is due again without being woken; None:
            never.  What it raises makes the key due again after a back-off.
        workers: Keys worked on at once.
        longest_s: Seconds after which one run is cut off, and counts as failed.
        ended: Called with the outcome of each run, ``done``, ``refused``, ``failed`` or ``cut``,
            and its seconds.
        rng: Spreads back-offs.
    """

    def __init__(
        self,
        work: Callable[[K], Awaitable[float | None]],
        *,
        workers: int,
        longest_s: float = 60.0,
        ended: Callable[[str, float], None] = lambda _outcome, _seconds: None,
        rng: Random | None = None,
    ) -> None:
        self._work = work
        self._workers = workers
        self._longest_s = longest_s
        self._ended = ended
        self._rng = rng or Random()
        self._entries: dict[K, _Entry] = {}
        self._ready: asyncio.Queue[K] = asyncio.Queue()

    def __len__(self) -> int:
        return self._ready.qsize()

    def stuck_for_s(self) -> float:
        """Return for how long the oldest of the present runs has been going on; any thread."""
        entries = list(self._entries.values())
        runs = [since for each in entries if (since := each.running_since) is not None]
        return time.monotonic() - min(runs) if runs else 0.0

    def failing(self) -> int:
        """Return how many keys wait for another try; any thread."""
        return sum(entry.failures > 0 for entry in list(self._entries.values()))

    def wake(self, key: K, *, after_s: float = 0.0, urgent: bool = False) -> None:
        """Let a key be worked on once ``after_s`` seconds are over, or sooner.

        Args:
            key: It is worked on once for any number of wakes until it starts.
            after_s: Seconds.
            urgent: Ends a back-off: what it failed for may have been put right.
        """
        entry = self._entries.setdefault(key, _Entry())
        due = asyncio.get_running_loop().time() + after_s
        if urgent:
            entry.failures = 0
        if entry.running_since is not None:
            entry.is_pressing |= urgent
            entry.again_at = due if entry.again_at is None else min(due, entry.again_at)
        elif not entry.is_queued and (urgent or not (entry.failures and entry.timer)):
            self._schedule(key, entry, due)

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until ``stopping`` is set; runs that have begun are cut, as a kill would."""
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(self._loop()) for _ in range(self._workers)]
            await stopping.wait()
            for entry in self._entries.values():
                if entry.timer is not None:
                    entry.timer.cancel()
            for worker in workers:
                worker.cancel()

    async def _loop(self) -> None:
        while True:
            await self._run_once(await self._ready.get())

    async def _run_once(self, key: K) -> None:
        entry = self._entries[key]
        started = time.monotonic()
        entry.is_queued, entry.running_since, entry.again_at = False, started, None
        entry.is_pressing = False
        after_s: float | None = None
        try:
            async with asyncio.timeout(self._longest_s):
                after_s = await self._work(key)
            entry.failures = 0
            self._ended("done", time.monotonic() - started)
        except Exception as error:
            self._ended(_outcome(error), time.monotonic() - started)
            entry.failures += 1
            after_s = self._backoff(entry.failures, error)
            _log(key, entry.failures, error)
        finally:
            entry.running_since = None
        self._settle(key, entry, after_s)

    def _settle(self, key: K, entry: _Entry, after_s: float | None) -> None:
        now = asyncio.get_running_loop().time()
        dues = [] if after_s is None else [now + after_s]
        # A wake during a failed run does not cut the back-off, which the API server may have asked
        # for; an edit does, but not to nothing.
        if entry.again_at is not None and (entry.is_pressing or not entry.failures):
            dues.append(max(entry.again_at, now + FIRST_BACKOFF_S * bool(entry.failures)))
        if dues:
            self._schedule(key, entry, min(dues))
        elif not entry.failures:
            del self._entries[key]

    def _schedule(self, key: K, entry: _Entry, due: float) -> None:
        loop = asyncio.get_running_loop()
        if entry.timer is not None:
            if entry.due <= due and not entry.timer.cancelled():
                return
            entry.timer.cancel()
            entry.timer = None
        if due <= loop.time():
            self._enqueue(key)
        else:
            entry.due, entry.timer = due, loop.call_at(due, self._enqueue, key)

    def _enqueue(self, key: K) -> None:
        entry = self._entries[key]
        entry.timer = None
        if not entry.is_queued:
            entry.is_queued = True
            self._ready.put_nowait(key)

    def _backoff(self, failures: int, error: Exception) -> float:
        delay = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(failures - 1, 20))
        asked = float(getattr(error, "retry_after_s", 0.0))
        return max(asked, self._rng.uniform(delay / 2, delay))


def _outcome(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "cut"
    return "refused" if isinstance(error, RefusedError) else "failed"


def _log(key: object, failures: int, error: Exception) -> None:
    if isinstance(error, OperatorError | FlumeError | TimeoutError | OSError):
        said = str(error) or "it took too long and was cut off"
        extra = {"key": str(key), "failures": failures, "error": said}
        logger.warning("key_failed", extra=extra)
    else:
        logger.error("key_crashed", extra={"key": str(key)}, exc_info=error)
