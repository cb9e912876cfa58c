"""The seam that ``flume.testing.fake()`` uses: while a recorder is set, nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from flume.errors import ConfigurationError
from flume.job import Job
from flume.sending import Due


class Recorder(Protocol):
    """Takes the jobs that would be sent."""

    def record(self, queue: str, jobs: Sequence[Job], due: Due | None) -> list[Job]:
        """Take ``jobs``, already checked as for sending; return what enqueueing them returns."""


active: Recorder | None = None
"""Set by ``flume.testing.fake()`` only."""


def refuse_reading() -> None:
    """Raise where Redis would be read while nothing is sent to it.

    Raises:
        ConfigurationError: If a recorder is set.
    """
    if active is not None:
        raise ConfigurationError(
            "flume.testing.fake() is active, so that nothing is sent to Redis, and this call would "
            "read it. Look at the recorder's jobs instead, or run this test on a real Redis."
        )
