"""The recorder: the jobs that an app would have sent, and assertions on them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flume.codec import decode, encode
from flume.handler import Handler, Ref
from flume.job import Job
from flume.sending import Due
from flume.testing.expected import SHOWN, Expected, expect, explain, shown


@dataclass(frozen=True, slots=True)
class Recorded:
    """A job that would have been sent, as a worker would have read it."""

    queue: str
    job: Job
    due: timedelta | datetime | None
    """The wait of ``enqueue_in``, the time of ``enqueue_at`` in UTC, None for ``enqueue``."""

    @property
    def id(self) -> str:
        """The job's id."""
        return self.job.id

    @property
    def handler(self) -> str:
        """Name of the handler that would run it."""
        return self.job.handler

    @property
    def args(self) -> list[Any]:
        """Positional arguments."""
        return self.job.args

    @property
    def kwargs(self) -> dict[str, Any]:
        """Keyword arguments."""
        return self.job.kwargs

    @property
    def headers(self) -> dict[str, str]:
        """Headers that travel with the job."""
        return self.job.headers

    @property
    def unique(self) -> str | None:
        """The unique key it holds."""
        return self.job.unique

    def __repr__(self) -> str:
        return shown(self.queue, self.handler, self.args, self.kwargs, self.due)


class Recorder:
    """Takes jobs in the place of Redis, in the order in which they were enqueued.

    ``fake()`` makes one and puts it in that place.
    """

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, str], Recorded] = {}  # by queue and id, in order
        self._unique: dict[tuple[str, str], Recorded] = {}  # by queue and key
        self._lock = threading.Lock()  # an app under test may enqueue from threads

    @property
    def jobs(self) -> list[Recorded]:
        """All jobs that would have been sent.  A refused duplicate is not among them."""
        return list(self._jobs.values())

    def record(self, queue: str, jobs: Sequence[Job], due: Due | None) -> list[Job]:
        """Take jobs and return what enqueueing them would have returned."""
        with self._lock:
            return [self._take(queue, job, due) for job in jobs]

    def clear(self) -> None:
        """Forget all jobs, and with them the unique keys they hold."""
        with self._lock:
            self._jobs.clear()
            self._unique.clear()

    def assert_enqueued(
        self,
        handler: Handler[..., Any] | Ref | str | Job,
        /,
        *args: Any,
        queue: str | None = None,
        count: int | None = None,
        due: timedelta | datetime | None = None,
        **kwargs: Any,
    ) -> list[Recorded]:
        """Fail unless a job like this was enqueued; return those that were.

        Args:
            handler: The handler, a ``ref``, or a name: with its arguments, or without any for
                every job of the handler.  Or a job from ``handler.job(…)``, whose arguments the
                type checker checks, may be none at all, and may have the names below.
            *args: Positional arguments.
            queue: Where it must have been enqueued; None: anywhere.
            count: How many such jobs there must be; None: one or more.
            due: Its wait, or its time; ``timedelta(0)``: at once; None: any.
            **kwargs: Keyword arguments.

        Raises:
            AssertionError: If there is none, or another count; it shows the closest jobs.
        """
        __tracebackhide__ = True  # pytest shows the test's line instead
        expected = expect(handler, args, kwargs, queue=queue, due=due)
        found = self._like(expected)
        if not found if count is None else len(found) != count:
            raise AssertionError(explain(expected, found, self.jobs, count))
        return found

    def assert_not_enqueued(
        self,
        handler: Handler[..., Any] | Ref | str | Job,
        /,
        *args: Any,
        queue: str | None = None,
        due: timedelta | datetime | None = None,
        **kwargs: Any,
    ) -> None:
        """Fail if a job like this was enqueued; the arguments are those of ``assert_enqueued``.

        Raises:
            AssertionError: If there is one; it shows it.
        """
        __tracebackhide__ = True  # pytest shows the test's line instead
        expected = expect(handler, args, kwargs, queue=queue, due=due)
        if found := self._like(expected):
            raise AssertionError(explain(expected, found, self.jobs, 0))

    def assert_nothing_enqueued(self) -> None:
        """Fail if any job was enqueued.

        Raises:
            AssertionError: If there is one; it shows it.
        """
        __tracebackhide__ = True  # pytest shows the test's line instead
        if jobs := self.jobs:
            lines = "\n".join(f"  {job!r}" for job in jobs[:SHOWN])
            raise AssertionError(f"{len(jobs)} job(s) were enqueued, expected none:\n{lines}")

    def _like(self, expected: Expected) -> list[Recorded]:
        return [job for job in self.jobs if not expected.differences(job)]

    def _take(self, queue: str, job: Job, due: Due | None) -> Job:
        if (queue, job.id) in self._jobs:  # sent again
            return job
        if job.unique is not None and (holder := self._unique.get((queue, job.unique))):
            return _duplicate(holder)
        body = decode(encode(job.body))  # the app may go on to change what it passed
        kept = Job(job.id, body, queue, job.unique, job.unique_for_ms)
        taken = self._jobs[queue, job.id] = Recorded(queue, kept, _moment(due))
        if job.unique is not None:
            self._unique[queue, job.unique] = taken
        job.queue = queue
        return job


def _duplicate(holder: Recorded) -> Job:
    return Job(holder.id, holder.job.body, holder.queue, holder.unique, is_duplicate=True)


def _moment(due: Due | None) -> timedelta | datetime | None:
    if due is None:
        return None
    if due.at_ms is None:
        return timedelta(milliseconds=due.wait_ms)
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=due.at_ms)
