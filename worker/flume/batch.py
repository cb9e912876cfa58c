"""A batch: the jobs that one call of a batch handler gets, and what it says of single ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

from flume.codec import Body
from flume.job import new_id
from flume.outcome import Discard, Retry

T = TypeVar("T")


class _Held(Protocol):
    """The worker's side of a job."""

    ending: str


class BatchJob(Generic[T]):
    """A job of a batch."""

    __slots__ = ("_body", "_held", "_id")

    def __init__(self, job_id: bytes, body: Body, held: _Held | None = None) -> None:
        self._id = job_id
        self._body = body
        self._held = held

    def __repr__(self) -> str:
        return f"<job {self.id} of {self._body.handler}>"

    @property
    def id(self) -> str:
        """The job's id."""
        return self._id.decode()

    @property
    def value(self) -> T:
        """The job's argument, the first one where a job that was enqueued by name has more.

        Raises:
            TypeError: If it was enqueued by name without a positional argument.
        """
        if not self._body.args:
            raise TypeError(
                f"job {self.id} has no positional argument, and a batch handler takes one: "
                "whoever enqueued it by name must pass it, or read `job.kwargs` here."
            )
        value: T = self._body.args[0]
        return value

    @property
    def args(self) -> list[Any]:
        """Positional arguments, as they were enqueued."""
        return self._body.args

    @property
    def kwargs(self) -> dict[str, Any]:
        """Keyword arguments: those of jobs that were enqueued by name."""
        return self._body.kwargs

    @property
    def attempt(self) -> int:
        """Which run this is, from 1.  Runs of a batch that is run again in halves count as one."""
        return self._body.attempts + 1

    @property
    def headers(self) -> dict[str, str]:
        """What travels with the job."""
        return self._body.headers

    @property
    def is_cancelled(self) -> bool:
        """Whether its outcome no longer counts: it was cancelled, timed out, or taken away."""
        return self._held is not None and bool(self._held.ending)


class Batch(Generic[T]):
    """The jobs of one call.  Iterate over it; say of single jobs how they ended.

    Jobs of which nothing is said are completed when the handler returns.  When it raises, they are
    run again, while what was said of single jobs holds.  Of two words about a job the last counts.
    """

    __slots__ = ("_jobs", "_members", "_settled")

    def __init__(self, jobs: Sequence[BatchJob[T]]) -> None:
        self._jobs = jobs
        self._members: frozenset[BatchJob[T]] = frozenset()  # made when it is first asked for
        self._settled: dict[BatchJob[T], BaseException | None] = {}

    @classmethod
    def of(cls, *values: T, headers: Mapping[str, str] | None = None) -> Batch[T]:
        """Return a batch of new jobs with these arguments, to call a handler with in a test."""
        made = [Body("test", [value], headers=dict(headers or {})) for value in values]
        return cls([BatchJob(new_id().encode(), body) for body in made])

    def __iter__(self) -> Iterator[BatchJob[T]]:
        return iter(self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)

    def __getitem__(self, place: int) -> BatchJob[T]:
        return self._jobs[place]

    def __repr__(self) -> str:
        return f"<batch of {len(self._jobs)} jobs>"

    @property
    def values(self) -> list[T]:
        """The jobs' arguments, in their order.

        Raises:
            TypeError: If a job was enqueued by name without a positional argument.
        """
        return [job.value for job in self._jobs]

    @property
    def is_cancelled(self) -> bool:
        """Whether no job's outcome counts any more, so that a sync handler should return."""
        return bool(self._jobs) and all(job.is_cancelled for job in self._jobs)

    @property
    def settled(self) -> Mapping[BatchJob[T], BaseException | None]:
        """What was said of single jobs so far: an error, ``Retry``, ``Discard``, None: completed.

        For tests.
        """
        return self._settled

    def complete(self, job: BatchJob[T]) -> None:
        """Count ``job`` as completed, whether or not the handler returns."""
        self._settle(job, None)

    def fail(self, job: BatchJob[T], error: BaseException) -> None:
        """Let ``job`` fail with ``error``: it is charged, and runs again later or is buried."""
        self._settle(job, error)

    def retry(self, job: BatchJob[T], *, after: timedelta | None = None, reason: str = "") -> None:
        """Run ``job`` again, after a wait of the handler's choice; it is charged as an attempt.

        Args:
            job: One of this batch.
            after: Wait before the next run; None takes the pipeline's back-off.
            reason: Kept with the job and shown to people.

        Raises:
            ValueError: If ``after`` is negative.
        """
        self._settle(job, Retry(reason, after=after))

    def discard(self, job: BatchJob[T], *, reason: str = "", bury: bool = False) -> None:
        """Give ``job`` up at once, without further runs.

        Args:
            job: One of this batch.
            reason: Kept with a buried job and shown to people.
            bury: Keep it in the dead-letter queue.  False drops it.
        """
        self._settle(job, Discard(reason, bury=bury))

    def _settle(self, job: BatchJob[T], error: BaseException | None) -> None:
        if not self._members:
            self._members = frozenset(self._jobs)
        if job not in self._members:
            raise ValueError(f"{job!r} is not of this {self!r}")
        self._settled[job] = error


def ending_of(batch: Batch[Any]) -> str:
    """Return why the call with ``batch`` is being stopped, as its jobs say; empty: it is not."""
    endings = {job._held.ending for job in batch if job._held is not None}
    return endings.pop() if len(endings) == 1 else ""
