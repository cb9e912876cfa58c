"""Claims batches for one lane: whole ones, or what is there when the oldest job's time is up."""

from __future__ import annotations

import time

from flume.commands import worker as commands
from flume.commands.command import Command
from flume.commands.worker import Claimed, Suspicion
from flume.current import HeldJob
from flume.runtime.fetcher import Fetcher, Haul
from flume.runtime.held_batch import in_batches

LOOK_EVERY_S = 0.01
"""Shortest time between two looks at a batch that fills.  Each job that arrives leaves a marker,
and a look for each would be a claim for each.  Where no other worker is idle, a batch that has
become full waits for this long at the most."""
OPEN_LOOK_S = 1.0
"""Longest time between two looks at an open batch: live settings may close it earlier."""
LATER_S = 0.001
"""Later than the time that Redis gave, so that the look does not come a fraction too early."""
JOBS_AT_ONCE = 1000
"""Jobs in one claim, as ``claim_batch.lua`` bounds it: one batch of the largest size."""


class Batcher(Fetcher):
    """Claims batches until it is stopped.  What it counts are batches, not jobs.

    While a batch is open, its jobs wait in Redis, where all workers find them: ten replicas make
    full batches of what would be ten open ones in their memories.
    """

    _size = 1  # jobs of a batch, as the claim under way asks: settings may change meanwhile
    _closes_ms = 0  # until the first open batch is due, by the last look; 0: none is open

    def _command(self, fence: int, most: int, holds: int, *, again: bool) -> Command[Claimed]:
        settings = self._lane.settings
        if not again:
            self._size = settings.jobs_per_batch
        if 0 < most < self._size:  # a rate limit lets no more jobs start: a batch of as many
            self._size = most
        return commands.claim_batch(
            self._keys,
            self._names,
            fence=fence,
            limit=most // self._size,
            lease_ms=self._identity.lease_ms,
            holds=holds,
            again=again,
            worker_id=self._identity.worker_id,
            size=self._size,
            timeout_ms=settings.batch_timeout_ms,
        )

    def _step(self) -> int:
        return self._lane.settings.jobs_per_batch

    def _at_once(self) -> int:
        return max(1, JOBS_AT_ONCE // self._lane.settings.jobs_per_batch)

    def _hold(self, haul: Haul, fence: int, limit: int) -> list[HeldJob]:
        self._closes_ms = 0 if haul.claimed is None else haul.claimed.closes_ms
        return super()._hold(haul, fence, limit)

    def _take(self, jobs: list[HeldJob], suspicion: Suspicion) -> None:
        batches = in_batches(jobs, self._size)
        self._demand.take_batches(batches, alone=suspicion is Suspicion.RUN_ALONE)

    def _units(self, jobs: list[HeldJob]) -> int:
        return sum(job.batch.jobs[0] is job for job in jobs)

    async def _wait_for_work(self) -> None:
        """Wait for a marker, and where a batch is open until it is due at the latest."""
        if not self._closes_ms:
            await super()._wait_for_work()
            return
        due = time.monotonic() + self._closes_ms / 1000 + LATER_S
        await self._wakeups.time(min(due - time.monotonic(), LOOK_EVERY_S))
        left = min(due - time.monotonic(), OPEN_LOOK_S)
        if left > 0 and not self.stopping.is_set():
            await self._wakeups.marker(self._block_s(), most=left)

    async def _wait_for_room(self) -> None:
        """Let others look at an open batch from now on: only who took its marker knows of it."""
        if self._closes_ms:
            fence, passing = self._begin(0)
            self._hold(await passing, fence, 0)
            self._closes_ms = 0
            self._passed(under_way=False)
        await super()._wait_for_room()
