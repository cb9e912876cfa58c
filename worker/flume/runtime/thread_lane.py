"""Sync handlers: each runs in one of the lane's threads.

Threads take jobs from the lane's buffer by themselves and hand their outcomes to the event loop
in one go, because waking another thread costs more than a short job.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

from flume.current import HeldJob, running
from flume.errors import JobTimeoutError
from flume.events import JobStarted, bus
from flume.handler import Handler
from flume.pipeline import PipelineSettings
from flume.runtime.lane import Ended, Lane


class ThreadLane(Lane):
    """Runs sync handlers."""

    is_sync = True

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
        self._context = copy_context()  # what lifespans have set; each job gets a copy
        self._done: deque[tuple[HeldJob, BaseException | None, float]] = deque()
        self._is_noted = False
        self._wakeups: SimpleQueue[bool] = SimpleQueue()
        self._is_waking = False
        self._idle = 0
        self._threads = 0
        self._lock = threading.Lock()  # around the two counts; not taken for each job

    def offer(self, jobs: list[HeldJob]) -> None:
        """Take claimed jobs; a thread that is woken wakes the next while some are left."""
        ready = [job for job in jobs if self._prepare(job)]
        self.buffer.extend(ready)
        if ready:
            self._wake()

    def stop_job(self, job: HeldJob) -> None:
        """Leave it to the handler, which can ask ``current_job().is_cancelled``."""

    def busy(self) -> int:
        """Return how many places are taken."""
        return len(self.running)

    def close(self) -> None:
        """Let idle threads end; one that is in a handler is a daemon and ends with the process."""
        for _ in range(self._threads):
            self._wakeups.put(False)

    def _places_changed(self) -> None:
        for _ in range(self._threads - self.places):
            self._wakeups.put(True)  # an idle thread that wakes sees that it is one too many
        if self.buffer:
            self._wake()

    def _wake(self) -> None:
        """Wake one thread; make one where all are busy and a place is free."""
        if self._is_waking:
            return
        with self._lock:
            is_new = self._idle == 0 and self._threads < self.places
            if not is_new and self._idle == 0:
                return
            self._is_waking = True
            self._threads += is_new
        if is_new:
            name = f"flume-handler-{self._threads}"
            threading.Thread(target=self._serve, name=name, daemon=True).start()
        else:
            self._wakeups.put(True)

    def _serve(self) -> None:
        """Run jobs until there are none, wait for more; a thread's whole life.

        It ends where places were taken away and it is one too many.
        """
        while True:
            self._is_waking = False
            if self._run_all() is False:
                return
            with self._lock:
                leaves = self._threads > self.places
                self._threads -= leaves
                self._idle += not leaves
            if leaves:
                if self.buffer:
                    self._wake()
                return
            goes_on = True if self.buffer else self._wakeups.get()
            with self._lock:
                self._idle -= 1
                self._threads -= not goes_on
            if not goes_on:
                return

    def _run_all(self) -> bool:
        buffer, done = self.buffer, self._done
        while self._threads <= self.places:
            try:
                job = buffer.popleft()
            except IndexError:
                return True
            if buffer:
                self._wake()
            if job.is_settled:
                continue
            if job.tokens is not None and not self._uses_token(job):
                self._loop.call_soon_threadsafe(self.on_late, job)
                continue
            self.running[job.id] = job
            if bus.wants(JobStarted):
                self._announce(job)
            job.started_at = time.monotonic()
            error = self._context.copy().run(_call, job)
            done.append((job, error, time.monotonic() - job.started_at))
            if not self._is_noted:
                self._is_noted = True
                try:
                    self._loop.call_soon_threadsafe(self._drain)
                except RuntimeError:  # the loop is closed: the worker has given this job up
                    return False
        return True

    def _drain(self) -> None:
        """Settle what the threads have done, in the event loop."""
        self._is_noted = False
        done = self._done
        self.pace.ended += len(done)
        while done:
            job, error, duration = done.popleft()
            self.running.pop(job.id, None)
            if job.is_settled:
                continue
            if error is not None and job.ending == "timeout":
                late = JobTimeoutError(timeout=job.timeout_s)
                error = late.with_traceback(error.__traceback__)
            self._ended(job, error, duration)
        self.on_room()


def _call(job: HeldJob) -> BaseException | None:
    running.set(job)
    body = job.body
    try:
        job.handler.function(*body.args, **body.kwargs)  # type: ignore[union-attr]
    except BaseException as error:  # SystemExit of a handler must not end its thread
        return error
    return None
