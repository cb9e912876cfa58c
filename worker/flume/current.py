"""The job that runs here, for its handler."""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from typing import Any

import msgspec

from flume.codec import Body
from flume.errors import FlumeError


class HeldJob(msgspec.Struct, eq=False):
    """A job that this worker has claimed, from the claim until its outcome is handed on.

    The worker's side of it; handlers see it through ``CurrentJob``.
    """

    id: bytes
    data: bytes
    """The body as it came."""
    fence: int
    extended_at: float
    """When its lease was last known to begin; monotonic s."""
    body: Body | None = None
    handler: Any = None
    queue: str = ""
    started_at: float = 0.0
    """Monotonic s; 0 until its lane has prepared it.  A sync job that is prepared may still wait
    for a thread, which sets this again when it begins."""
    timeout_s: float = 0.0
    ending: str = ""
    """Why it is being stopped: ``timeout``, ``lost`` or ``shutdown``; ``unrun``: its batch did not
    come to it, and nothing is charged."""
    is_settled: bool = False
    """Its outcome has been decided; what its handler still does does not count."""
    task: Any = None
    """What runs it, where that can be cancelled."""
    tokens: Any = None
    """What the limiter granted, until the job starts; None where there is no limit."""
    runs_alone: bool = False
    """A suspect: nothing else runs in this process beside it."""
    batch: Any = None
    """The ``HeldBatch`` it was claimed in; None: it runs by itself."""

    def take_tokens(self) -> Any:
        """Return ``tokens`` to one caller: a thread that starts the job, or who lets it go."""
        with _taking:
            tokens, self.tokens = self.tokens, None
        return tokens


_taking = threading.Lock()


running: ContextVar[HeldJob] = ContextVar("flume_running")
in_batch: ContextVar[int] = ContextVar("flume_in_batch")
"""How many jobs the batch has whose handler runs here."""


class CurrentJob:
    """The job that runs in this task or thread."""

    __slots__ = ("_held",)

    def __init__(self, held: HeldJob) -> None:
        self._held = held

    @property
    def id(self) -> str:
        """The job's id."""
        return self._held.id.decode()

    @property
    def queue(self) -> str:
        """Where it was claimed from."""
        return self._held.queue

    @property
    def handler(self) -> str:
        """The name it was enqueued for."""
        return self._body.handler

    @property
    def attempt(self) -> int:
        """Which run this is, from 1.  Runs that ended with their worker are not counted."""
        return self._body.attempts + 1

    @property
    def headers(self) -> dict[str, str]:
        """What travels with the job."""
        return self._body.headers

    @property
    def deadline(self) -> float:
        """When its timeout is over, in s of ``time.monotonic()``."""
        return self._held.started_at + self._held.timeout_s

    @property
    def remaining(self) -> float:
        """Seconds until its timeout is over, at least 0."""
        return max(0.0, self.deadline - time.monotonic())

    @property
    def is_cancelled(self) -> bool:
        """Whether its outcome no longer counts, so that a sync handler should return."""
        return bool(self._held.ending)

    @property
    def _body(self) -> Body:
        assert self._held.body is not None  # decoded before the handler is called
        return self._held.body


def current_job() -> CurrentJob:
    """Return the job that runs in this task or thread.

    Raises:
        FlumeError: If none does, such as in a test that calls the handler itself, or if a whole
            batch does.
    """
    held = running.get(None)
    if held is None and (count := in_batch.get(0)):
        raise FlumeError(
            f"a batch of {count} job(s) runs here: current_job() is for handlers of single jobs. "
            "Read id, attempt and headers of the jobs in the batch that the handler got."
        )
    if held is None:
        raise FlumeError("no job runs here: current_job() is for code that a worker called.")
    return CurrentJob(held)
