"""Queues as the client looks after them: counts, jobs, dead letters, pauses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from flume import operations, pausing
from flume.commands.client import Counts
from flume.driving import Operation
from flume.job import JobInfo, JobState
from flume.keys import Keys, check_queue
from flume.operations import WorkerInfo
from flume.pausing import PauseInfo

if TYPE_CHECKING:
    from flume.sync_client import Client

T = TypeVar("T")


class Queue:
    """One queue: its counts, its jobs, its dead letters."""

    def __init__(self, client: Client, name: str) -> None:
        self.name = check_queue(name)
        self.dead = DeadLetters(self)
        self._client = client
        self._keys = Keys(name, client.prefix)

    def counts(self) -> Counts:
        """Count the jobs by state, all at one moment."""
        return self._drive(operations.counts(self._keys))

    def jobs(self, state: JobState | str, *, limit: int = 100) -> list[JobInfo]:
        """Return up to ``limit`` jobs of one state, oldest or soonest due first."""
        return self._drive(operations.jobs(self._keys, JobState(state), limit=limit))

    def job(self, job_id: str) -> JobInfo:
        """Return one job.

        Raises:
            JobNotFoundError: If there is none; a completed job is forgotten.
        """
        return self._drive(operations.find(self._keys, job_id))

    def cancel(self, *job_ids: str) -> list[str]:
        """Cancel jobs; a running async handler is cancelled, a sync one is told.

        Returns:
            The ids that were waiting or running.
        """
        return self._drive(operations.cancel(self._keys, job_ids))

    def purge(self, state: JobState | str = JobState.READY) -> int:
        """Delete all jobs that are ready, scheduled, retrying or dead; return how many."""
        return self._drive(operations.purge(self._keys, operations.purgeable(state)))

    def workers(self) -> list[WorkerInfo]:
        """Return the workers of this queue that have not left."""
        return self._drive(operations.workers(self._keys))

    def pause(
        self,
        *,
        reason: str | None = None,
        expires_in: timedelta | None = None,
        worker: str | None = None,
        wait: bool = False,
        timeout: float = 10.0,
        by: str | None = None,
    ) -> None:
        """Let no worker claim from this queue until it is resumed; what runs goes on.

        The pause binds when this returns, and is kept in Redis.  Other sources of a pause (the
        manifest, ``pause_all``) are left as they are.

        Args:
            reason: For people; every worker logs it.
            expires_in: After which it ends by itself.  None: it does not.
            worker: Id of the one worker that is paused.  None: all of them.
            wait: Return once every live worker has said that it knows of it, holds no claim from
                before, and starts nothing more.
            timeout: Seconds to wait for that.
            by: Who pauses.  None: this user and host.

        Raises:
            PauseNotAcknowledgedError: If a live worker did not say so in time; the pause is in
                force all the same.
            WorkerNotFoundError: If the queue has no such worker.
            ConfigurationError: If ``expires_in`` or ``reason`` cannot be kept.
        """
        begun = pausing.pause(
            self._keys, reason=reason, expires_in=expires_in, by=by, worker=worker
        )
        change = self._drive(begun)
        if wait:
            self._await_workers(change, "pause", timeout, worker)

    def resume(
        self, *, worker: str | None = None, wait: bool = False, timeout: float = 10.0
    ) -> None:
        """Take away what ``pause`` set, of the queue or of one worker; no other source's pause.

        Args:
            worker: Id of the one worker that was paused.  None: the queue.
            wait: Return once every live worker has said that it knows of it.
            timeout: Seconds to wait for that.

        Raises:
            PauseNotAcknowledgedError: If a live worker did not say so in time.
        """
        change = self._drive(pausing.resume(self._keys, worker=worker))
        if wait:
            self._await_workers(change, "resume", timeout, worker)

    def pauses(self) -> list[PauseInfo]:
        """Return the pauses in force, each with its source, reason and end."""
        return self._drive(pausing.pauses(self._keys))

    def _await_workers(self, change: str, what: str, timeout: float, worker: str | None) -> None:
        changes = {self.name: change}
        self._drive(
            pausing.acknowledged(
                self._keys.prefix, changes, what=what, timeout=timeout, worker=worker
            )
        )

    def _drive(self, operation: Operation[T]) -> T:
        return self._client._drive(operation)


class DeadLetters:
    """The jobs of a queue that were given up."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def list(self, *, limit: int = 100, handler: str | None = None) -> list[JobInfo]:
        """Return up to ``limit`` dead jobs, the newest first, each with its error.

        All of them, or those of one ``handler``.
        """
        if handler is not None:
            of_handler = operations.dead_of(self._queue._keys, handler, limit=limit)
            return self._queue._drive(of_handler)
        operation = operations.jobs(self._queue._keys, JobState.DEAD, limit=limit, newest=True)
        return self._queue._drive(operation)

    def redrive(self, *job_ids: str, handler: str | None = None) -> int:
        """Make dead jobs ready again, as if they had never run; return how many.

        All of them, those of one ``handler``, or those named.
        """
        ids: Sequence[str] | None = job_ids or None
        operation = operations.redrive(self._queue._keys, handler=handler, ids=ids)
        return self._queue._drive(operation)

    def purge(self, *job_ids: str, handler: str | None = None) -> int:
        """Delete dead jobs for good; return how many.

        All of them, those of one ``handler``, or those named.
        """
        ids: Sequence[str] | None = job_ids or None
        operation = operations.forget(self._queue._keys, handler=handler, ids=ids)
        return self._queue._drive(operation)
