"""A lane: the places where one kind of handler runs, and the claimed jobs that wait for one.

How a job is started and stopped is left to ``async_lane`` and ``thread_lane``, what becomes of it
to ``settler``.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from flume import codec
from flume.current import HeldJob
from flume.errors import HandlerError, JobTimeoutError, UnreadableJobError
from flume.events import JobStarted, bus
from flume.handler import Handler
from flume.pipeline import PipelineSettings
from flume.runtime.nothing import nothing
from flume.runtime.pace import Pace
from flume.runtime.verdict import time_limit

TIMEOUT_GRACE_S = 10.0
"""How long a job may clean up after its timeout, before it is settled without it."""

Ended = Callable[[HeldJob, BaseException | None, float], None]


class Lane(ABC):
    """The places of one kind of handler.

    Args:
        queue: Where its jobs come from.
        handlers: By name, all of one kind.
        settings: Of the pipeline.
        places: Handlers at once.
        ended: Told of each job that ended, with its error and its duration in s.
    """

    is_sync = False
    """Whether its handlers run in threads."""
    can_stop = False
    """Whether a running handler can be stopped from outside."""

    def __init__(
        self,
        queue: str,
        handlers: Mapping[str, Handler[..., Any]],
        settings: PipelineSettings,
        *,
        places: int,
        ended: Ended,
    ) -> None:
        self.handlers = handlers
        self.settings = settings
        self.places = places
        self.pace = Pace()
        self.buffer: deque[HeldJob] = deque()
        """Claimed, not started.  The heartbeat's thread takes from its end what waits too long."""
        self.running: dict[bytes, HeldJob] = {}
        """Started and not returned; also those that were settled without their handler."""
        self.on_room: Callable[[], None] = nothing
        """Called when more may be claimed."""
        self.on_late: Callable[[HeldJob], None] = nothing
        """Told of a job whose token is too old to start it."""
        self._queue = queue
        self._ended = ended

    @abstractmethod
    def offer(self, jobs: list[HeldJob]) -> None:
        """Take claimed jobs and start those that have a place."""

    @abstractmethod
    def stop_job(self, job: HeldJob) -> None:
        """Ask a running job to stop; ``job.ending`` says why."""

    @abstractmethod
    def busy(self) -> int:
        """Return how many places are taken."""

    def obey(self, settings: PipelineSettings) -> None:
        """Go by new settings: what runs beyond the places that are left runs on."""
        self.settings = settings
        self.places = settings.places(is_sync=self.is_sync)
        self._places_changed()

    @abstractmethod
    def _places_changed(self) -> None:
        """Use places that are new; take none that are gone again."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what the lane keeps between jobs; nothing is offered to it any more."""

    def wanted(self, now: float) -> int:
        """Return how many jobs to claim: for free places, and ahead what starts soon."""
        ahead = self.pace.ahead(now)
        waiting = len(self.buffer)
        if waiting and waiting > ahead // 2:
            return 0
        return self.places - self.busy() + ahead - waiting

    def sweep(self, now: float) -> None:
        """Stop what is past its timeout; settle what does not stop."""
        for job in list(self.running.values()):
            over = now - job.started_at - job.timeout_s
            if over >= TIMEOUT_GRACE_S and not job.is_settled:
                error = JobTimeoutError(timeout=job.timeout_s)
                self._ended(job, error, now - job.started_at)
                job.is_settled = True
                self.on_room()  # for other lanes: its place stays taken
            elif over >= 0 and not job.ending:
                job.ending = "timeout"
                self.stop_job(job)

    def is_stuck(self) -> bool:
        """Whether every place is taken by a handler that was given up and does not return."""
        return self.busy() >= self.places and all(job.is_settled for job in self.running.values())

    def _prepare(self, job: HeldJob) -> bool:
        """Read the body and find the handler; a job that cannot run has ended then."""
        try:
            body = job.body = codec.decode(job.data)
        except UnreadableJobError as error:
            self._ended(job, error, 0.0)
            return False
        handler = self.handlers.get(body.handler)
        if handler is None:
            unknown = HandlerError(f"the body names {body.handler!r}, which its list does not.")
            self._ended(job, unknown, 0.0)
            return False
        job.handler = handler
        job.queue = self._queue
        job.started_at = time.monotonic()
        job.timeout_s = time_limit(body, handler.defaults, self.settings)
        return True

    def _uses_token(self, job: HeldJob) -> bool:
        """Use the job's token just before its handler is called.

        False where it is too old, or was given back because the job was lost at this moment.
        """
        tokens = job.take_tokens()
        if tokens is None or time.monotonic() <= tokens.start_by:
            return tokens is not None
        job.tokens = tokens  # for whoever lets the job go
        return False

    def _announce(self, job: HeldJob) -> None:
        """Say that a job's handler is about to be called, where somebody listens."""
        body = job.body
        assert body is not None  # prepared
        bus.publish(JobStarted(self._queue, job.id.decode(), body.handler, body.attempts + 1))
