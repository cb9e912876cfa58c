"""Watches files for edits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

INTERVAL_S = 0.25
"""Between looks.  An edit is told of when two looks in a row saw the same: some editors empty a
file before they write it.  With the workers' beat that is a second until it acts."""

Mark = tuple[int, int, int] | None

logger = logging.getLogger("flume.local")


class Watcher:
    """Tells of edits, from a thread.

    By looking at the path, not at the file: most editors write a new file and put it in the old
    one's place.

    Args:
        paths: Files to watch.
        on_edit: Told of a file that has changed and can be read.
    """

    def __init__(self, paths: Sequence[Path], on_edit: Callable[[Path], None]) -> None:
        self._told = {path: _mark(path) for path in paths}
        self._last = dict(self._told)
        self._on_edit = on_edit
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flume-watcher", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(INTERVAL_S):
            for path in self._told:
                mark, before = _mark(path), self._last[path]
                self._last[path] = mark
                if mark is not None and mark == before and mark != self._told[path]:
                    self._told[path] = mark
                    self._tell(path)

    def _tell(self, path: Path) -> None:
        try:
            self._on_edit(path)
        except Exception:  # this thread must not end: later edits would be missed without a word
            logger.exception("edit_failed", extra={"path": str(path)})


def _mark(path: Path) -> Mark:
    """Return what changes when a file does; None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
