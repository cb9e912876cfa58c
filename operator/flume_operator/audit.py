"""Tells a dead watch from a quiet one: compares what the watch brought with a list.

A watch can be alive, connected and silent for ever, and its own state does not show it.  What
shows is a Pipeline whose version in the list stays ahead of the one in the cache.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from flume.health import Answer
from flume_operator.clocks import steady
from flume_operator.errors import ApiError

EVERY_S = 30.0
"""Between two lists: one small call, so that a dead watch is known within three minutes."""
BOUND_S = 100.0
"""For how long the watch may lag behind.

A watch whose connection died is made anew after 25 s of silence: only one that is behind for
longer needs a restart.
"""
CALL_S = 20.0
Versions = Mapping[str, str]
"""uid -> resourceVersion."""


@dataclass(frozen=True, slots=True)
class _Lag:
    version: str | None  # of the cache, when it was first seen to be behind
    since: float
    age_s: float = 0.0  # when both were last compared


class WatchAudit:
    """Compares the cache that a watch fills with what is there.

    Args:
        listed: Reads what is there.
        cached: Returns what the watch has brought.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        listed: Callable[[], Awaitable[Versions]],
        cached: Callable[[], Versions],
        *,
        clock: Callable[[], float] = steady,
    ) -> None:
        self._listed = listed
        self._cached = cached
        self._clock = clock
        self._lags: dict[str, _Lag] = {}

    def check(self) -> Answer:
        """Return whether the watch brings what happens, and a word on it; any thread."""
        late_s = [lag.age_s for lag in self._lags.values() if lag.age_s > BOUND_S]
        if not late_s:
            return True, "ok"
        first_s = max(late_s)
        return False, f"Pipelines that changed unseen: {len(late_s)}, the first {first_s:.0f} s ago"

    async def run(self) -> None:
        """Compare now and then, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                async with asyncio.timeout(CALL_S):
                    listed = await self._listed()
            except (ApiError, TimeoutError):
                # An API server that is away says nothing about the watch.
                self._lags = {}
                continue
            self.compare(listed, self._cached())

    def compare(self, listed: Versions, cached: Versions) -> None:
        """Take note of how far the cache is behind the list, which was read just before."""
        now = self._clock()
        lags = {}
        for uid, version in listed.items():
            has = cached.get(uid)
            if has == version:
                continue
            # A busy Pipeline is always a little behind; what matters is that the cache moves.
            lag = self._lags.get(uid)
            since = lag.since if lag and lag.version == has else now
            lags[uid] = _Lag(has, since, now - since)
        self._lags = lags
