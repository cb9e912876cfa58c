"""Every error that Flume raises, in one tree.

::

    FlumeError
    ├── ConfigurationError        a setting or argument that cannot work
    ├── NameRefusedError          a queue, handler or key name outside its character set
    ├── HandlerError              a handler that cannot be registered or found
    ├── LifespanError             a lifespan of the app raised
    ├── PayloadError              arguments that Redis cannot keep faithfully
    │   ├── NotJsonError          … that do not come back from JSON equal
    │   └── PayloadTooLargeError  … that are longer than the cap
    ├── ScheduleError             a time that is naive or out of range
    ├── ServerError               Redis did not do what was asked
    │   ├── ServerUnavailableError  no answer; safe to send again
    │   ├── ServerFullError         memory is full; nothing was stored
    │   ├── ServerRefusedError      wrong password or missing ACL right
    │   └── ForeignDataError        a key of ours holds what we did not write
    │       └── SettingsUnreadableError  … the settings record of a queue
    ├── ManifestError             a Pipeline manifest with mistakes
    ├── NotEmptyError             jobs were left when a test's run was given up
    ├── PauseNotAcknowledgedError a pause binds, and not every worker has said so in time
    ├── WorkerNotFoundError       no such worker of this queue
    └── JobError                  something about one job
        ├── JobNotFoundError      no such job (a completed job is forgotten)
        ├── UnreadableJobError    a body that cannot be decoded
        ├── JobTimeoutError       it ran longer than its timeout
        └── JobCrashedError       its worker died while it ran (raised nowhere: a dead job names it)

What a handler raises to steer, ``Retry`` and ``Discard``, is in ``outcome.py``: it is no failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class FlumeError(Exception):
    """Base of every error Flume raises."""


class ConfigurationError(FlumeError):
    """A setting or an argument cannot work as given."""


class NameRefusedError(FlumeError):
    """A queue, handler or key name is outside its character set."""


class HandlerError(FlumeError):
    """A handler cannot be registered, or is not known here."""


class LifespanError(FlumeError):
    """A lifespan of the app raised, so its worker does not run; the app's error is the cause."""


class PayloadError(FlumeError):
    """The arguments of a job cannot be kept faithfully."""


class NotJsonError(PayloadError):
    """An argument does not come back from JSON equal to what was passed."""

    def __init__(self, path: str, type_name: str, hint: str) -> None:
        super().__init__(
            f"{path} is a {type_name}, which does not come back from JSON equal. {hint} "
            "Nothing was enqueued."
        )
        self.path = path


class PayloadTooLargeError(PayloadError):
    """The encoded job is longer than the cap."""

    def __init__(self, handler: str, *, size: int, limit: int) -> None:
        super().__init__(
            f"the job for {handler} is {size:,} bytes long and the cap is {limit:,}. Nothing was "
            "enqueued. Pass a reference (an object's key, a row's id) instead of the data, or "
            "raise max_payload_bytes of the client."
        )
        self.size = size
        self.limit = limit


class ScheduleError(FlumeError):
    """A time to run at is naive, or out of range."""


class ServerError(FlumeError):
    """Redis did not do what was asked."""


class ServerUnavailableError(ServerError):
    """Redis did not answer in time, so it is not known whether the call was applied.

    ``jobs`` are the jobs of an enqueue that is in doubt.
    Send these same objects again with ``enqueue_many``: none can get in twice.
    """

    def __init__(self, message: str, *, jobs: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.jobs = tuple(jobs)


class ServerFullError(ServerError):
    """Redis' memory is full, so nothing was stored."""


class ServerRefusedError(ServerError):
    """Redis refused the call: wrong password, or a right is missing."""


class ForeignDataError(ServerError):
    """A key of ours holds something that Flume did not write."""


class SettingsUnreadableError(ForeignDataError):
    """The settings record of a queue is none that this version of Flume can obey."""

    def __init__(self, queue: str, reason: str) -> None:
        super().__init__(
            f"the settings record of queue {queue} cannot be read: {reason}. Workers keep the "
            "settings they have. Write it again with `flume dev` or the operator of this version."
        )


class ManifestError(FlumeError):
    """A Pipeline manifest has mistakes; the message lists all of them, a line each."""


class NotEmptyError(FlumeError):
    """``flume.testing.run_until_empty`` left jobs; the message says which, and why."""


class PauseNotAcknowledgedError(FlumeError):
    """A pause or resume is in force, and live workers have not said in time that they know it.

    ``missing`` has their ids by queue.
    """

    def __init__(self, what: str, missing: Mapping[str, Sequence[str]], *, timeout: float) -> None:
        names = "; ".join(f"{queue}: {', '.join(ids)}" for queue, ids in missing.items())
        count = sum(map(len, missing.values()))
        super().__init__(
            f"the {what} is in force, but {count} live worker(s) did not acknowledge it within "
            f"{timeout:g} s ({names}). They claim by it all the same; what a worker claimed before "
            "may still start there. Look for a blocked event loop, or wait longer (timeout)."
        )
        self.missing = {queue: tuple(ids) for queue, ids in missing.items()}
        self.timeout = timeout


class WorkerNotFoundError(FlumeError):
    """There is no such worker: it has left, or its id is mistyped."""

    def __init__(self, queue: str, worker_id: str) -> None:
        super().__init__(
            f"queue {queue} has no worker {worker_id}. Nothing was changed. List its workers "
            f"with: flume workers {queue}"
        )
        self.worker_id = worker_id


class JobError(FlumeError):
    """Something about one job."""


class JobNotFoundError(JobError):
    """There is no such job: it never was, or it has completed and is forgotten."""


class UnreadableJobError(JobError):
    """A job's body cannot be decoded; it is buried with its raw bytes."""


class JobTimeoutError(JobError):
    """A job ran longer than its timeout."""

    def __init__(self, *, timeout: float) -> None:
        super().__init__(
            f"the job ran longer than its timeout of {timeout:g} s and was stopped. "
            "Raise timeoutSeconds of the pipeline (or timeout of the handler), or split the job."
        )
        self.timeout = timeout


class JobCrashedError(JobError):
    """A job's worker died while it ran: the name in the error of a job that is dead for that.

    Nothing raises it, for nobody is left to.
    """
