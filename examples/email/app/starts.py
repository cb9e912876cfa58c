"""Writes down when a handler starts, where STARTS names a file: the demo checks the limit by it."""

from __future__ import annotations

import os
import time

_file = (
    os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    if (path := os.environ.get("STARTS"))
    else None
)


def note(pipeline: str, jobs: int = 1) -> None:
    """Note that a handler starts now, for so many jobs; one write, which kill -9 cannot cut."""
    if _file is not None:
        # The monotonic clock is the same one for all processes of a machine.
        os.write(_file, f"{time.monotonic_ns()} {pipeline} {jobs}\n".encode())
