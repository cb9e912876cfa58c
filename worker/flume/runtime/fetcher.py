"""Claims jobs for one lane: as many as may start now, and a little ahead.

``batcher`` does the same with batches.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeVar

from flume.commands import worker as commands
from flume.commands.command import Command
from flume.commands.limit import LOOK_AGAIN_MS
from flume.commands.worker import Claimed, Suspicion
from flume.current import HeldJob
from flume.errors import ServerError, ServerUnavailableError
from flume.events import JobsClaimed, bus
from flume.keys import Keys
from flume.runtime.allowance import Allowance
from flume.runtime.demand import Demand
from flume.runtime.identity import Identity
from flume.runtime.lane import Lane
from flume.runtime.limiter import Tokens
from flume.runtime.link import FIRST_WAIT_S, LONGEST_WAIT_S, Link
from flume.runtime.nothing import nothing
from flume.runtime.wakeups import BLOCK_S, Wakeups

T = TypeVar("T")

CLAIM_AT_ONCE = 500
"""Jobs in one claim: so many that the call costs little beside them, and so few that its script
holds Redis for about 2 ms."""
REFUSED_WAIT_S = (2.5, 5.0)
"""Wait after an answer that a person must act on, such as a key of the wrong type."""

logger = logging.getLogger("flume.worker")


@dataclass(frozen=True, slots=True)
class Haul:
    """What a claim came to."""

    claimed: Claimed | None
    """None: it was refused, or there were no tokens to claim with."""
    asked: int = 0
    """Jobs, or batches, that it could have brought.  As many as there were tokens for, where those
    were all that had been asked for: the limit does not bind."""
    tokens: Tokens | None = None
    """Those of its jobs; None where there is no limit."""

    @property
    def wait_s(self) -> float:
        """When to ask again, where there were no tokens."""
        return 0.0 if self.tokens is None else self.tokens.wait_s

    @property
    def is_late(self) -> bool:
        """Whether its tokens are too old for any of its jobs."""
        return self.tokens is not None and not self.tokens.start_by


class Fetcher:
    """Claims jobs for ``lane`` until it is stopped.

    Args:
        keys: Of the queue.
        lane: Where the jobs run.
        demand: What the worker holds, over all lanes.
        identity: Draws the fences.
        link: To Redis.
        allowance: Tokens to claim with, where there is a rate limit.
        rng: Spreads the tries of many workers.
        spawn: Starts a task of the worker's group.
        on_claimed: Told of each claim that brought jobs.
    """

    def __init__(
        self,
        keys: Keys,
        lane: Lane,
        demand: Demand,
        identity: Identity,
        link: Link,
        *,
        allowance: Allowance,
        rng: Random,
        spawn: Callable[[Coroutine[Any, Any, T]], asyncio.Task[T]],
        on_claimed: Callable[[JobsClaimed], None],
    ) -> None:
        self._keys = keys
        self._lane = lane
        self._demand = demand
        self._identity = identity
        self._link = link
        self._allowance = allowance
        self._rng = rng
        self._spawn: Callable[..., asyncio.Task[Any]] = spawn
        self._on_claimed = on_claimed
        self._names = sorted(lane.handlers)
        self._wakeups = Wakeups(keys, self._names, link, spawn=self._spawn)
        self._room = asyncio.Event()
        self.stopping = asyncio.Event()  # only looked at: a signal handler sets it
        self._is_paused = False
        self.begun = 0
        """Claims sent so far."""
        self.finished = 0
        """Of these, how many have ended and handed their jobs on."""
        self.on_pass: Callable[[], None] = nothing
        """Called when claims have finished."""
        self.on_paused: Callable[[], None] = nothing
        """Called when the pauses changed, as far as it is seen here."""
        lane.on_room = demand.freed
        demand.listeners.append(self.look)

    def look(self) -> None:
        """Look again whether more may be claimed."""
        if not self._room.is_set():
            self._room.set()

    def stop(self) -> None:
        """Claim no more.  What a claim under way brings is for ``run``'s caller to release."""
        self.stopping.set()
        self._room.set()
        self._wakeups.cut_short()

    async def run(self) -> list[HeldJob]:
        """Claim until stopped; return what came too late to be started."""
        jobs = await self._claim_all()
        await self._allowance.drop()
        return jobs

    async def _claim_all(self) -> list[HeldJob]:
        ahead: asyncio.Task[Haul] | None = None
        fence = limit = 0
        while not self.stopping.is_set():
            self._passed(under_way=ahead is not None)
            if ahead is None:
                limit = self._limit()
                if limit <= 0:
                    await self._allowance.drop()
                    await self._wait_for_room()
                    continue
                fence, ahead = self._begin(limit)
            haul = await ahead
            jobs, claimed, ahead = self._hold(haul, fence, limit), haul.claimed, None
            if self.stopping.is_set():
                return jobs
            self._note(claimed)
            if not jobs:  # else once they are handed on
                self._passed(under_way=False)
                await self._allowance.drop()
            if claimed is None:
                await self._wakeups.time(self._wait_s(haul) or self._rng.uniform(*REFUSED_WAIT_S))
            elif claimed.suspicion is Suspicion.EMPTY_YOURSELF:
                self._demand.emptying = self
            elif jobs:
                units = self._units(jobs)
                limit = self._limit(units) if units >= haul.asked and not haul.is_late else 0
                if limit > 0:  # on its way while these jobs run
                    fence, ahead = self._begin(limit, goes_on=True)
                    await asyncio.sleep(0)
                    if haul.tokens is not None:  # so is the reserve for the claim after it
                        await asyncio.sleep(0)
                self._lane.offer(jobs)
                if haul.is_late:  # they go back
                    await self._wakeups.time(self._wait_s(haul))
            elif claimed.paused_ms:
                await self._wait_for_resume(claimed.paused_ms)
            else:
                await self._wait_for_work()
        return [] if ahead is None else self._hold(await ahead, fence, limit)

    def _wait_s(self, haul: Haul) -> float:
        """Return when to ask for tokens again; looks at chance are spread, so as not to meet.

        Tokens that were given back come free at their own time, and all would look just before.
        """
        if haul.wait_s < LOOK_AGAIN_MS / 1000:
            return haul.wait_s
        return self._rng.uniform(LOOK_AGAIN_MS / 2000, LOOK_AGAIN_MS / 1000)

    def _limit(self, offering: int = 0) -> int:
        """Return how many to claim now, where ``offering`` of them are about to take places."""
        self._room.clear()
        wanted = self._lane.wanted(time.monotonic()) - offering
        return min(wanted, self._demand.room(self), self._at_once()) if wanted > 0 else 0

    def _begin(self, limit: int, *, goes_on: bool = False) -> tuple[int, asyncio.Task[Haul]]:
        holds = len(self._demand.held) + self._demand.claiming
        self._demand.claiming += limit
        self.begun += 1
        fence = self._identity.next_fence()
        return fence, self._spawn(self._claim_limited(fence, limit, holds, goes_on=goes_on))

    def _hold(self, haul: Haul, fence: int, limit: int) -> list[HeldJob]:
        """Hold what a claim brought in the same step in which it is no longer under way.

        Between the two another lane would find nothing held, and claim beside a suspect.
        """
        self._demand.claiming -= limit
        jobs: list[HeldJob] = []
        claimed = haul.claimed
        if claimed is not None and claimed.ids:
            now, tokens = time.monotonic(), haul.tokens
            jobs = [
                HeldJob(job_id, body, fence, now, tokens=tokens)
                for job_id, body in zip(claimed.ids, claimed.bodies, strict=True)
            ]
            self._take(jobs, claimed.suspicion)
        self._demand.freed()
        return jobs

    def _command(self, fence: int, most: int, holds: int, *, again: bool) -> Command[Claimed]:
        return commands.claim(
            self._keys,
            self._names,
            fence=fence,
            limit=most,
            lease_ms=self._identity.lease_ms,
            holds=holds,
            again=again,
            worker_id=self._identity.worker_id,
        )

    def _step(self) -> int:
        """Return how many jobs are one of what is counted here."""
        return 1

    def _at_once(self) -> int:
        """Return how many to ask for in one claim, at the most."""
        return CLAIM_AT_ONCE

    def _take(self, jobs: list[HeldJob], suspicion: Suspicion) -> None:
        self._demand.take(jobs, alone=suspicion is Suspicion.RUN_ALONE)

    def _units(self, jobs: list[HeldJob]) -> int:
        """Return how much of the demand these jobs are."""
        return len(jobs)

    async def _claim_limited(self, fence: int, limit: int, holds: int, *, goes_on: bool) -> Haul:
        """Claim as many jobs as there are tokens for, where there is a rate limit."""
        step = self._step()
        tokens = await self._allowance.take(limit * step, step=step, goes_on=goes_on)
        if tokens is None:
            return Haul(await self._claim(fence, limit * step, holds), limit)
        if limit and not tokens.left:
            return Haul(None, tokens=tokens)
        asked = limit if tokens.wait_s else min(limit, max(1, tokens.left // step))
        claimed = await self._claim(fence, tokens.left, holds)
        used = len(claimed.ids) if claimed is not None else 0
        tokens = await self._allowance.use(tokens, used)
        if used:
            await tokens.due()
        return Haul(claimed, asked, tokens)

    async def _claim(self, fence: int, most: int, holds: int) -> Claimed | None:
        """Claim up to ``most`` jobs until Redis answers; None where it refuses.

        ``again`` brings what a lost reply held, and what is left of one that was read late because
        a handler blocked the loop: some of its jobs may be others' by now.
        """
        wait, again = FIRST_WAIT_S, False
        while True:
            started, lease_ms = time.monotonic(), self._identity.lease_ms
            late = lease_ms / 3000  # what is left lasts until they are extended
            try:
                claimed = await self._link.connections.run(
                    self._command(fence, 0 if self.stopping.is_set() else most, holds, again=again)
                )
            except ServerUnavailableError as error:
                self._link.failed(error)
                again = True
            except ServerError as error:
                self._refused(error)
                return None
            else:
                self._link.answered()
                self._link.accepted(self)
                seconds = time.monotonic() - started
                if claimed.ids and seconds > late:
                    again = True
                    continue
                if again:
                    claimed = self._without_held(claimed, fence)
                self._report(claimed, seconds)
                return claimed
            await self._wakeups.time(self._rng.uniform(wait / 2, wait))
            wait = min(LONGEST_WAIT_S, wait * 2)

    def _without_held(self, claimed: Claimed, fence: int) -> Claimed:
        """Leave out what an earlier claim brought: fences come round while a job runs."""
        held = self._demand.held
        new = [
            (job_id, body)
            for job_id, body in zip(claimed.ids, claimed.bodies, strict=True)
            if job_id not in held or held[job_id].fence != fence
        ]
        return replace(claimed, ids=[i for i, _ in new], bodies=[body for _, body in new])

    def _refused(self, error: ServerError) -> None:
        if self._link.refused(self, error):  # once for each reason, whatever lane it meets
            logger.error("claim_refused", extra={"queue": self._keys.queue, "reason": str(error)})

    def _report(self, claimed: Claimed, seconds: float) -> None:
        if claimed.ids:
            size = sum(map(len, claimed.bodies))
            event = JobsClaimed(
                self._keys.queue, len(claimed.ids), size, seconds, claimed.waited_ms / 1000
            )
            self._on_claimed(event)
            if bus.wants(JobsClaimed):
                bus.publish(event)

    async def _wait_for_room(self) -> None:
        await self._room.wait()  # bounded by the sweeper: a timer of its own would cost each time

    def _passed(self, *, under_way: bool) -> None:
        self.finished = self.begun - under_way
        self.on_pass()

    def _note(self, claimed: Claimed | None) -> None:
        """Tell at once that a pause began or ended; the heartbeat would find out within 0.5 s."""
        if claimed is not None and bool(claimed.paused_ms) != self._is_paused:
            self._is_paused = not self._is_paused
            self.on_paused()

    async def _wait_for_work(self) -> None:
        """Block until jobs are ready, for a bounded time."""
        await self._wakeups.marker(self._block_s())

    def _block_s(self) -> float:
        """Return for how long to block: with a rate limit, a look takes twice the calls."""
        return 2 * BLOCK_S if self._allowance.is_limited else BLOCK_S

    async def _wait_for_resume(self, paused_ms: int) -> None:
        """Block until the pauses change, for a bounded time."""
        ends_s = BLOCK_S if paused_ms < 0 else (paused_ms + 1) / 1000
        if await self._wakeups.change(min(BLOCK_S, ends_s)):
            self.on_paused()
