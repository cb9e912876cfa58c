"""Count in shared memory how often each job ran, and when it started.

The handler of every contestant does nothing but raise the byte of its own job,
so a lost job and a repeated one are both seen, whichever process ran it, and
the clock of the benchmark needs no call to Redis.  Standard library only.
"""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path
from typing import Self

TALLY_VARIABLE = "FLUME_BENCH_TALLY"
STAMPS_VARIABLE = "FLUME_BENCH_STAMPS"

STAMP_BYTES = 8  # one signed integer of nanoseconds


class Tally:
    """How often each job ran: one byte a job, in a file that processes share."""

    def __init__(self, path: Path, size: int) -> None:
        path.write_bytes(bytes(size))
        self.path = path
        self._cells = _map(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cells.close()
        self.path.unlink(missing_ok=True)

    def has_started(self, jobs: range) -> bool:
        """Say whether any of `jobs` ran."""
        return self._cells[jobs.start : jobs.stop].count(0) < len(jobs)

    def first_missing(self, jobs: range) -> int | None:
        """Return the first of `jobs` that did not run yet, None if all did."""
        found = self._cells.find(b"\0", jobs.start, jobs.stop)
        return None if found < 0 else found

    def ran(self, jobs: range) -> int:
        """Return how many of `jobs` ran at least once."""
        return len(jobs) - self._cells[jobs.start : jobs.stop].count(0)

    def repeats(self, jobs: range) -> int:
        """Return how many runs were one too many."""
        cells = self._cells[jobs.start : jobs.stop]
        return sum(cells) - (len(cells) - cells.count(0))


class Stamps:
    """How long each job waited for its handler, in nanoseconds."""

    def __init__(self, path: Path, size: int) -> None:
        path.write_bytes(bytes(size * STAMP_BYTES))
        self.path = path
        self.size = size
        self._cells = _map(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cells.close()
        self.path.unlink(missing_ok=True)

    def is_set(self, job: int) -> bool:
        """Say whether the job started."""
        at = job * STAMP_BYTES
        return any(self._cells[at : at + STAMP_BYTES])

    def read(self) -> list[int]:
        """Return one wait for each job; 0 where the job did not start yet."""
        raw = self._cells[:]
        return [
            int.from_bytes(raw[at : at + STAMP_BYTES], sys.byteorder, signed=True)
            for at in range(0, len(raw), STAMP_BYTES)
        ]


def shared_cells(variable: str = TALLY_VARIABLE) -> mmap.mmap | bytearray:
    """Return the cells that the benchmark named in the environment.

    Outside a benchmark the handlers' modules are imported too, to enqueue: they
    get cells that nobody reads.
    """
    path = os.environ.get(variable)
    return _map(Path(path)) if path else bytearray(STAMP_BYTES)


def _map(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)
