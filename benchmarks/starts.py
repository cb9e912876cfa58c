"""Logs of numbers that outlive the process that wrote them, also where it is killed.

Each process appends to a file of its own, through memory that the kernel keeps.
"""

from __future__ import annotations

import mmap
import os
import struct
from array import array
from pathlib import Path

FOLDER_VARIABLE = "FLUME_BENCH_LOGS"

_RECORD = struct.Struct("=qq")


class Log:
    """Pairs of integers, appended by one process."""

    def __init__(self, path: Path, size: int) -> None:
        with path.open("wb") as file:
            file.truncate(size * _RECORD.size)  # sparse: only what is written takes room
        with path.open("r+b") as file:
            self._cells = mmap.mmap(file.fileno(), 0)
        self._at = 0

    def append(self, first: int, second: int) -> None:
        """Write a pair; ``first`` is not 0, which marks the end."""
        _RECORD.pack_into(self._cells, self._at, first, second)
        self._at += _RECORD.size


def own_log(kind: str, size: int) -> Log | None:
    """Return this process' log of one kind; None outside of a benchmark."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return Log(Path(folder) / f"{kind}-{os.getpid()}", size) if folder else None


def has_logs(folder: Path, kind: str) -> bool:
    """Say whether any process has written a pair."""
    for path in folder.glob(f"{kind}-*"):
        with path.open("rb") as file:
            if any(file.read(_RECORD.size)):
                return True
    return False


def read_logs(folder: Path, kind: str) -> list[tuple[int, int]]:
    """Return the pairs of all processes, in the order of their first numbers."""
    pairs: list[tuple[int, int]] = []
    for path in folder.glob(f"{kind}-*"):
        numbers = array("q", path.read_bytes())
        for first, second in zip(numbers[::2], numbers[1::2], strict=True):
            if not first:
                break
            pairs.append((first, second))
    return sorted(pairs)
