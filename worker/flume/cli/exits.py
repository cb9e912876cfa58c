"""Exit codes, and which error ends with which."""

from __future__ import annotations

from enum import IntEnum

from flume.errors import (
    ConfigurationError,
    FlumeError,
    HandlerError,
    JobNotFoundError,
    ManifestError,
    NameRefusedError,
    PauseNotAcknowledgedError,
    PayloadError,
    ScheduleError,
    ServerRefusedError,
    ServerUnavailableError,
    WorkerNotFoundError,
)


class Exit(IntEnum):
    """What the end of a command means to the script that called it."""

    OK = 0
    FAILED = 1
    """Something else went wrong, a question was answered with no, or ``doctor`` found a fault."""
    USAGE = 2
    """The command line or its input cannot work."""
    UNREACHABLE = 3
    """Redis did not answer."""
    REFUSED = 4
    """Redis refused this user: a wrong password, or a right that is missing."""
    NOT_FOUND = 5
    """A job or worker that was named is not there."""
    UNACKNOWLEDGED = 6
    """It is done, and not every live worker has said in time that it knows of it."""
    INTERRUPTED = 130
    """Ctrl-C: 128 and the number of SIGINT, as shells have it."""
    UNHEARD = 141
    """Who read the output went away: 128 and the number of SIGPIPE, as shells have it."""


class CommandEndedError(FlumeError):
    """A command ends here, with a sentence and a code of its own."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code


_MEANINGS: tuple[tuple[type[FlumeError], Exit], ...] = (
    (ServerUnavailableError, Exit.UNREACHABLE),
    (ServerRefusedError, Exit.REFUSED),
    (JobNotFoundError, Exit.NOT_FOUND),
    (WorkerNotFoundError, Exit.NOT_FOUND),
    (PauseNotAcknowledgedError, Exit.UNACKNOWLEDGED),
    (ConfigurationError, Exit.USAGE),
    (HandlerError, Exit.USAGE),
    (ManifestError, Exit.USAGE),
    (NameRefusedError, Exit.USAGE),
    (PayloadError, Exit.USAGE),
    (ScheduleError, Exit.USAGE),
)


def exit_of(error: FlumeError) -> Exit:
    """Return the exit code for ``error``."""
    if isinstance(error, CommandEndedError):
        return error.code
    for kind, code in _MEANINGS:
        if isinstance(error, kind):
            return code
    return Exit.FAILED
