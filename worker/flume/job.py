"""A job: one call of a handler, as it is handed in and as it is found again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from flume.codec import Body

if TYPE_CHECKING:
    from datetime import datetime

ID_LENGTH = 32
"""Hex digits of a job id.  Scripts cut ids from list entries by this length."""


class JobState(StrEnum):
    """Where a job is.  A completed or cancelled job is forgotten."""

    SCHEDULED = "scheduled"
    READY = "ready"
    RUNNING = "running"
    RETRYING = "retrying"
    DEAD = "dead"


class Job(msgspec.Struct):
    """A job that has been, or is to be, enqueued.

    Sending the same object again is safe: it cannot get in twice, also once it has run.
    """

    id: str
    """UUIDv7 in 32 hex digits, drawn by the client so that a resend is the same job."""
    body: Body
    queue: str | None = None
    """Set once it was enqueued."""
    unique: str | None = None
    unique_for_ms: int = 0
    is_duplicate: bool = False
    """A live job holds the same unique key, so that one is returned and this was not enqueued."""
    in_doubt: Any = None
    """The unanswered call that carried this job; sending the job again repeats that very call."""
    sent_by: str | None = None
    """The client that enqueued it, which leaves it out when it is sent again."""

    @property
    def handler(self) -> str:
        """Name of the handler that runs it."""
        return self.body.handler

    @property
    def args(self) -> list[Any]:
        """Positional arguments of the handler."""
        return self.body.args

    @property
    def kwargs(self) -> dict[str, Any]:
        """Keyword arguments of the handler."""
        return self.body.kwargs

    @property
    def headers(self) -> dict[str, str]:
        """Headers that travel with the job, such as a trace context."""
        return self.body.headers


class JobInfo(msgspec.Struct, frozen=True):
    """A job as it was found in Redis."""

    id: str
    queue: str
    state: JobState
    handler: str
    """Empty where the body cannot be read."""
    args: list[Any]
    kwargs: dict[str, Any]
    headers: dict[str, str]
    attempts: int
    error: str | None
    at: datetime | None
    """Scheduled and retrying: when it is due.  Running: when its lease ends.  Dead: since when."""
    raw: bytes
    """The body as it is kept."""


def new_id() -> str:
    """Return a new job id: a UUIDv7 in hex."""
    while True:
        try:
            tail = _tails.pop()
        except IndexError:
            _tails.extend(_draw_tails())
            continue  # another thread may have taken them all
        return _head(time.time_ns() // 1_000_000) + tail


@lru_cache(maxsize=1)
def _head(ms: int) -> str:
    """Return how the ids of one millisecond begin: many are drawn in each."""
    return f"{ms:012x}"


# Random ends of ids, drawn ahead: a system call for each id would double what a job costs to make.
_tails: list[str] = []
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_tails.clear)


_VARIANTS = b"89ab" * 64  # the digit that begins with the bits 10, for any byte


def _draw_tails(count: int = 64) -> Iterator[str]:
    digits = os.urandom(9 * count).hex()
    variants = os.urandom(count).translate(_VARIANTS).decode()
    for start, variant in zip(range(0, 18 * count, 18), variants, strict=True):
        # The version 7, 12 random bits, the variant bits, 62 random bits.  RFC 9562, section 5.7.
        yield f"7{digits[start : start + 3]}{variant}{digits[start + 3 : start + 18]}"
