"""The lanes of batch handlers: each batch has one place, and a task that sees it to its end.

What becomes of a batch whose handler raises is left to ``batch_run``.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from flume import codec
from flume.batch import Batch
from flume.current import HeldJob, in_batch
from flume.errors import HandlerError, JobTimeoutError, UnreadableJobError
from flume.handler import Handler
from flume.pipeline import PipelineSettings
from flume.runtime.batch_run import BatchRun
from flume.runtime.held_batch import HeldBatch
from flume.runtime.lane import TIMEOUT_GRACE_S, Ended
from flume.runtime.nothing import nothing
from flume.runtime.task_lane import EAGER, TaskLane
from flume.runtime.threads import Threads


async def _no_wait(n: int) -> int:
    """Let reruns start at once."""
    return n


class BatchLane(TaskLane):
    """Runs batch handlers of one kind."""

    before_rerun: Callable[[int], Awaitable[int]]
    """Awaited before a part of a batch is run again, with how many jobs it starts once more; says
    how many of them may."""
    on_batch: Callable[[int], None]
    """Told how many jobs a batch has that begins; not of reruns."""
    on_completed: Callable[[Sequence[HeldJob], float], None]
    """Told of jobs of one call that returned, all at once, with its duration in s."""

    def __init__(
        self,
        queue: str,
        handlers: Mapping[str, Handler[..., Any]],
        settings: PipelineSettings,
        *,
        places: int,
        ended: Ended,
    ) -> None:
        super().__init__(queue, handlers, settings, places=places, ended=ended)
        self.before_rerun = _no_wait
        self.on_batch = nothing
        self.on_completed = self._each_completed
        self._batches: set[HeldBatch] = set()  # whose handlers run

    @abstractmethod
    async def call(self, handler: Handler[..., Any], batch: Batch[Any]) -> None:
        """Call the handler with a batch, until it ends."""

    def wanted(self, now: float) -> int:
        """Return how many batches to claim: for free places, and none ahead.

        What waits here another worker cannot start, and a batch is long enough to hide a claim.
        """
        return 0 if self.buffer else self.places - self._busy

    def is_stuck(self) -> bool:
        """Whether every place is taken by a batch that was given up and does not return."""
        return self._busy >= self.places and all(
            job.is_settled for batch in self._batches for job in batch.jobs
        )

    def close(self) -> None:
        """Let go of batches that were given up."""
        for batch in self._batches:
            batch.task.cancel()

    def sweep(self, now: float) -> None:
        """Stop calls past their timeout; settle what does not stop."""
        for batch in list(self._batches):
            over = now - batch.started_at - batch.timeout_s if batch.started_at else -1.0
            if over >= TIMEOUT_GRACE_S and not all(job.is_settled for job in batch.jobs):
                self._give_up(batch, now)
            elif over >= 0 and not batch.ending:
                for job in batch.called:
                    job.ending = job.ending or "timeout"
                self._stop(batch, "timeout")

    def stop_job(self, job: HeldJob) -> None:
        """Ask the call to stop once the outcome of none of its jobs counts any more."""
        batch: HeldBatch = job.batch
        if batch.ending != job.ending and all(one.ending or one.is_settled for one in batch.jobs):
            self._stop(batch, job.ending)

    def _stop(self, batch: HeldBatch, why: str) -> None:
        batch.ending = why
        if self.can_stop:
            batch.task.cancel()

    def _give_up(self, batch: HeldBatch, now: float) -> None:
        """Settle the jobs of a call that does not end; those it was not made with were not run."""
        called = set(batch.called)
        for job in batch.jobs:
            if job.is_settled:
                continue
            if job in called:
                error = JobTimeoutError(timeout=batch.timeout_s)
                self._ended(job, error, now - batch.started_at)
            else:
                job.ending = "unrun"
                self._ended(job, asyncio.CancelledError(), 0.0)
            job.is_settled = True
        self.on_room()  # for other lanes: its place stays taken

    def _each_completed(self, jobs: Sequence[HeldJob], duration: float) -> None:
        for job in jobs:
            self._ended(job, None, duration)

    def _next(self) -> list[HeldJob]:
        """Return what is left here of the next batch; the heartbeat's thread may take some."""
        jobs: list[HeldJob] = []
        while True:
            try:
                job = self.buffer.popleft()
            except IndexError:
                return jobs
            if jobs and job.batch is not jobs[0].batch:
                self.buffer.appendleft(job)
                return jobs
            jobs.append(job)

    def _start_next(self) -> bool:
        jobs = self._next()
        ready = self._prepare_all(jobs)
        if not ready:
            return bool(jobs)
        batch: HeldBatch = ready[0].batch
        if not all(job.tokens is None or self._uses_token(job) for job in ready):
            for job in ready:
                self.on_late(job)
            return True
        self._busy += 1
        self.on_batch(len(ready))
        run = self._run(batch, BatchRun(batch, ready, self._ended, self._queue))
        task = asyncio.Task(run, loop=self._loop, context=self._context.copy(), **EAGER)
        if not task.done():
            batch.task = task
            self._batches.add(batch)
            self.running.update((job.id, job) for job in ready)
        return True

    def _prepare_all(self, jobs: list[HeldJob]) -> list[HeldJob]:
        """Return the jobs that can be run together; others have ended then."""
        ready: list[HeldJob] = []
        name, handler = "", None
        for job in jobs:
            if job.is_settled:
                continue
            try:
                body = job.body = codec.decode(job.data)
            except UnreadableJobError as error:
                self._ended(job, error, 0.0)
                continue
            if handler is None:
                name, handler = body.handler, self.handlers.get(body.handler)
            if body.handler != name or handler is None:
                unknown = f"the body names {body.handler!r}, which its list does not."
                self._ended(job, HandlerError(unknown), 0.0)
                continue
            job.handler, job.queue = handler, self._queue
            ready.append(job)
        return ready

    async def _run(self, batch: HeldBatch, run: BatchRun) -> None:
        try:
            await run.to_the_end(self)
        finally:
            self._busy -= 1
            self.pace.ended += 1
            if batch.task is not None:
                self._batches.discard(batch)
                for job in batch.jobs:
                    self.running.pop(job.id, None)
            batch.jobs, batch.called = [], ()  # jobs name their batch: no circle is left to collect
        if not self._is_filling:
            self._go_on()


class AsyncBatchLane(BatchLane):
    """Runs async batch handlers on the event loop."""

    can_stop = True

    async def call(self, handler: Handler[..., Any], batch: Batch[Any]) -> None:
        """Await the handler."""
        in_batch.set(len(batch))  # in the task's own context
        await handler.function(batch)


class ThreadBatchLane(BatchLane):
    """Runs sync batch handlers, each in a thread; a batch asks ``batch.is_cancelled``."""

    is_sync = True
    _threads: Threads

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._threads = Threads("flume-batch", self._loop)

    async def call(self, handler: Handler[..., Any], batch: Batch[Any]) -> None:
        """Call the handler in a thread."""
        context = self._context.copy()
        context.run(in_batch.set, len(batch))
        await self._threads.run(partial(context.run, handler.function, batch))

    def close(self) -> None:
        """Let idle threads end; one that is in a handler ends with the process."""
        super().close()
        self._threads.close()
