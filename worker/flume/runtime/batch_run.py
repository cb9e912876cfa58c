"""One batch from its first call to the outcome of its last job.

A call that raises says that some job of it fails, not which: its jobs are run again in halves, and
these in halves, until a job that fails by itself is found.  Only that one is charged.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from flume.batch import Batch, BatchJob
from flume.current import HeldJob
from flume.errors import JobTimeoutError
from flume.events import JobStarted, bus
from flume.handler import Handler
from flume.outcome import Discard, Retry
from flume.pipeline import PipelineSettings
from flume.runtime.held_batch import HeldBatch
from flume.runtime.lane import Ended


class Place(Protocol):
    """Where a batch runs."""

    settings: PipelineSettings
    before_rerun: Callable[[int], Awaitable[int]]
    on_completed: Callable[[Sequence[HeldJob], float], None]

    async def call(self, handler: Handler[..., Any], batch: Batch[Any]) -> None:
        """Call the handler with a batch, until it ends."""


class BatchRun:
    """Runs the jobs of one batch.

    Args:
        held: The batch.
        jobs: Those of its jobs that can be run.
        ended: Told of each job that ended.
        queue: For events.
    """

    def __init__(self, held: HeldBatch, jobs: list[HeldJob], ended: Ended, queue: str) -> None:
        self._held = held
        self._ended = ended
        self._queue = queue
        self._parts: list[Sequence[HeldJob]] = [jobs]  # still to be run, the next one last
        self._duration = 0.0  # of the last call

    async def to_the_end(self, place: Place) -> None:
        """Call the handler until every job is settled."""
        is_again = False
        while self._parts:
            part = self._parts.pop()
            if is_again:
                part = _open(part)
                if not part:
                    continue
                most = await self._may_run_again(place, part)
                if not most:
                    self._leave([part, *self._parts])
                    return
                if most < len(part):  # a rate limit that was lowered: the rest waits again
                    self._parts.append(part[most:])
                    part = part[:most]
            is_again = True
            await self._run(place, part)

    async def _run(self, place: Place, part: Sequence[HeldJob]) -> None:
        error = await self._call(place, part)
        left = _open(part)
        ending, self._held.ending = self._held.ending, ""
        is_whole = len(part) == 1 or isinstance(error, Retry | Discard)
        if error is None:
            if left:
                place.on_completed(left, self._duration)
            for job in left if self._parts else ():
                job.is_settled = True
        elif is_whole or ending == "shutdown" or not place.settings.bisect:
            self._settle(left, error)
        elif left:
            middle = len(left) // 2
            self._parts += [left[middle:], left[:middle]]
        if ending == "shutdown":
            self._leave(self._parts)

    async def _may_run_again(self, place: Place, part: Sequence[HeldJob]) -> int:
        """Wait until its jobs may start once more, and return how many of them.

        0 where the worker has no time for that.
        """
        try:
            most = await place.before_rerun(len(part))
        except asyncio.CancelledError:
            return 0
        return 0 if self._held.ending else most

    async def _call(self, place: Place, jobs: Sequence[HeldJob]) -> BaseException | None:
        """Call the handler; settle what it said of single jobs, return what it raised."""
        handler = jobs[0].handler
        batch: Batch[Any] = Batch([BatchJob(job.id, job.body, job) for job in jobs])  # type: ignore[arg-type]
        self._begin(place, handler, jobs)
        error: BaseException | None = None
        try:
            await place.call(handler, batch)
        except asyncio.CancelledError as cancelled:
            error = cancelled
            if task := self._held.task:
                task.uncancel()  # the parts that follow are not cancelled
        except BaseException as failure:  # SystemExit of a handler must not end the worker
            error = failure
        self._duration = time.monotonic() - self._held.started_at
        self._held.started_at = 0.0
        if self._held.ending == "timeout" and error is not None:
            late = JobTimeoutError(timeout=self._held.timeout_s)
            error = late.with_traceback(error.__traceback__)
        for job in jobs if error is not None else ():
            job.started_at = 0.0  # it waits, and may be extended for as long
            if job.ending == "timeout":
                job.ending = ""
        if batch.settled:
            self._say(batch, {job.id: job for job in jobs})
        return error

    def _begin(self, place: Place, handler: Handler[..., Any], jobs: Sequence[HeldJob]) -> None:
        timeout = handler.defaults.timeout
        held, now = self._held, time.monotonic()
        held.timeout_s = place.settings.timeout_s if timeout is None else timeout.total_seconds()
        held.called, held.started_at = jobs, now
        for job in jobs:
            job.started_at, job.timeout_s = now, held.timeout_s
        if bus.wants(JobStarted):
            for job in jobs:
                name, attempt = job.body.handler, job.body.attempts + 1  # type: ignore[union-attr]
                bus.publish(JobStarted(self._queue, job.id.decode(), name, attempt))

    def _say(self, batch: Batch[Any], jobs: dict[bytes, HeldJob]) -> None:
        for said, error in batch.settled.items():
            self._settle(_open([jobs[said.id.encode()]]), error)

    def _settle(self, jobs: Sequence[HeldJob], error: BaseException | None) -> None:
        for job in jobs:
            job.is_settled = True
            self._ended(job, error, self._duration)

    def _leave(self, parts: Sequence[Sequence[HeldJob]]) -> None:
        """Give back what was not run again; nothing is charged."""
        for part in parts:
            for job in _open(part):
                job.ending = "unrun"
                self._settle([job], asyncio.CancelledError())
        self._parts = []


def _open(jobs: Sequence[HeldJob]) -> list[HeldJob]:
    return [job for job in jobs if not job.is_settled]
