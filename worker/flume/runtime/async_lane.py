"""Async handlers: each job is a task of its own on the worker's event loop."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from contextvars import copy_context
from typing import Any

from flume.current import HeldJob, running
from flume.errors import JobTimeoutError
from flume.events import JobStarted, bus
from flume.handler import Handler
from flume.pipeline import PipelineSettings
from flume.runtime.lane import Ended, Lane

# A task that starts at once ends at once where its handler never waits: half the cost of a job.
_EAGER: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


class AsyncLane(Lane):
    """Runs async handlers."""

    can_stop = True

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
        self._loop = asyncio.get_running_loop()
        # What lifespans have set.  Each job gets a copy: a task that is started from the end of
        # another one would otherwise see what that job's handler had set.
        self._context = copy_context()
        self._busy = 0
        self._is_filling = False

    def offer(self, jobs: list[HeldJob]) -> None:
        """Take claimed jobs and start those that have a place."""
        self.buffer.extend(jobs)
        self._fill()

    def stop_job(self, job: HeldJob) -> None:
        """Cancel the job's task."""
        if job.task is not None:
            job.task.cancel()

    def busy(self) -> int:
        """Return how many places are taken."""
        return self._busy

    def close(self) -> None:
        """Do nothing: tasks leave nothing behind."""

    def _places_changed(self) -> None:
        self._fill()

    def _fill(self) -> None:
        self._is_filling = True
        buffer = self.buffer
        while self._busy < self.places:
            try:
                job = buffer.popleft()
            except IndexError:  # also where the heartbeat's thread took the last one
                break
            if not job.is_settled and self._prepare(job):
                if job.tokens is not None and not self._uses_token(job):
                    self.on_late(job)
                    continue
                if bus.wants(JobStarted):
                    self._announce(job)
                self._start(job)
                if not _EAGER:
                    self._loop.call_soon(self._fill_on)
                    break
        self._is_filling = False

    def _fill_on(self) -> None:
        """Start the next job, where tasks are not eager and the one before has begun by now.

        Until then it stays in the buffer: if the one before blocks the loop, others may have it.
        """
        self._fill()
        if not self.buffer:
            self.on_room()

    def _start(self, job: HeldJob) -> None:
        self._busy += 1
        context = self._context.copy()
        task = asyncio.Task(self._run(job), loop=self._loop, context=context, **_EAGER)
        if not task.done():
            job.task = task
            self.running[job.id] = job

    async def _run(self, job: HeldJob) -> None:
        running.set(job)  # in the task's own context
        error: BaseException | None = None
        body = job.body
        try:
            await job.handler.function(*body.args, **body.kwargs)  # type: ignore[union-attr]
        except asyncio.CancelledError as cancelled:
            error = cancelled
            if job.ending == "timeout":  # its traceback says where the handler stood
                late = JobTimeoutError(timeout=job.timeout_s)
                error = late.with_traceback(cancelled.__traceback__)
        except BaseException as failure:  # SystemExit of a handler must not end the worker
            error = failure
        self._busy -= 1
        self.pace.ended += 1
        if job.task is not None:
            job.task = None
            self.running.pop(job.id, None)
        if not job.is_settled:
            self._ended(job, error, time.monotonic() - job.started_at)
        if not self._is_filling:
            if self.buffer:
                self._fill()
            self.on_room()
