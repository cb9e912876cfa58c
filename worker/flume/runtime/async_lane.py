"""Async handlers: each job is a task of its own on the worker's event loop."""

from __future__ import annotations

import asyncio
import time

from flume.current import HeldJob, running
from flume.errors import JobTimeoutError
from flume.events import JobStarted, bus
from flume.runtime.task_lane import EAGER, TaskLane


class AsyncLane(TaskLane):
    """Runs async handlers."""

    can_stop = True

    def stop_job(self, job: HeldJob) -> None:
        """Cancel the job's task."""
        if job.task is not None:
            job.task.cancel()

    def close(self) -> None:
        """Do nothing: tasks leave nothing behind."""

    def _start_next(self) -> bool:
        try:
            job = self.buffer.popleft()
        except IndexError:  # also where the heartbeat's thread took the last one
            return False
        if job.is_settled or not self._prepare(job):
            return True
        if job.tokens is not None and not self._uses_token(job):
            self.on_late(job)
            return True
        if bus.wants(JobStarted):
            self._announce(job)
        self._busy += 1
        task = asyncio.Task(self._run(job), loop=self._loop, context=self._context.copy(), **EAGER)
        if not task.done():
            job.task = task
            self.running[job.id] = job
        return True

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
            self._go_on()
