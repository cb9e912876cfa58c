"""What the handlers themselves wrote down of their starts, and what follows from it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Start:
    """A call of a handler."""

    at_ns: int  # by the monotonic clock, which all processes share
    pipeline: str
    jobs: int


class Starts:
    """The file that the handlers write, read as it grows."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self.path = path
        self._read_to = 0
        self._all: list[Start] = []

    def of(self, *pipelines: str) -> list[Start]:
        """Return the starts of these pipelines so far, in their order."""
        with self.path.open("rb") as file:
            file.seek(self._read_to)
            lines = file.readlines()
            self._read_to = file.tell()
        for line in lines:
            at_ns, pipeline, jobs = line.split()
            self._all.append(Start(int(at_ns), pipeline.decode(), int(jobs)))
        return sorted((s for s in self._all if s.pipeline in pipelines), key=lambda s: s.at_ns)


def highest(starts: Sequence[Start], seconds: float) -> int:
    """Return the most jobs that started in any window of this length, wherever it begins.

    Each window that begins with a start is looked at: one that begins elsewhere holds no more.
    """
    most = jobs = first = 0
    for start in starts:
        jobs += start.jobs
        while start.at_ns - starts[first].at_ns >= seconds * NS:
            jobs -= starts[first].jobs
            first += 1
        most = max(most, jobs)
    return most


def between(starts: Sequence[Start], since_ns: int, until_ns: int) -> int:
    """Return how many jobs started in between."""
    return sum(start.jobs for start in starts if since_ns <= start.at_ns < until_ns)


def lately(starts: Sequence[Start], seconds: float) -> int:
    """Return how many jobs started in the window that ends now."""
    now = time.monotonic_ns()
    return between(starts, now - round(seconds * NS), now)
