"""The seam that ``flume.testing.fake()`` uses: while a recorder is set, nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from flume.job import Job
from flume.sending import Due


class Recorder(Protocol):
    """Takes the jobs that would be sent."""

    def record(self, queue: str, jobs: Sequence[Job], due: Due | None) -> None:
        """Take ``jobs``, already checked as they would be for sending."""


active: Recorder | None = None
"""Set by ``flume.testing.fake()`` only."""
