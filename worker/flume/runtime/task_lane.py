"""A lane whose handlers are tasks on the worker's event loop, one for each taken place."""

from __future__ import annotations

import asyncio
import sys
from abc import abstractmethod
from collections.abc import Mapping
from contextvars import copy_context
from typing import Any

from flume.current import HeldJob
from flume.handler import Handler
from flume.pipeline import PipelineSettings
from flume.runtime.lane import Ended, Lane

# A task that starts at once ends at once where its handler never waits: half the cost of a job.
EAGER: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


class TaskLane(Lane):
    """Starts what waits while there are places; what a task does is left to its subclass."""

    def __init__(
        self,
        queue: str,
        handlers: Mapping[str, Handler[..., Any]],
        settings: PipelineSettings,
        *,
        places: int,
        ended: Ended,
    ) -> None:
        super().__init__(queue, handlers, settings, places=places, ended=ended)
        self._loop = asyncio.get_running_loop()
        # What lifespans have set.  Each task gets a copy: one that is started from the end of
        # another one would otherwise see what that one's handler had set.
        self._context = copy_context()
        self._busy = 0
        self._is_filling = False

    @abstractmethod
    def _start_next(self) -> bool:
        """Start what waits longest, if it can run; return whether something waited."""

    def offer(self, jobs: list[HeldJob]) -> None:
        """Take what was claimed and start what has a place."""
        self.buffer.extend(jobs)
        self._fill()

    def busy(self) -> int:
        """Return how many places are taken."""
        return self._busy

    def _places_changed(self) -> None:
        self._fill()

    def _fill(self) -> None:
        self._is_filling = True
        while self._busy < self.places and self._start_next():
            if not EAGER:  # it begins with the loop's next turn
                self._loop.call_soon(self._fill_on)
                break
        self._is_filling = False

    def _fill_on(self) -> None:
        """Start the next, where tasks are not eager and the one before has begun by now.

        Until then it stays in the buffer: if the one before blocks the loop, others may have it.
        """
        self._fill()
        if not self.buffer:
            self.on_room()

    def _go_on(self) -> None:
        """Use the place of a task that ended; one that ended while places were filled is used."""
        if self.buffer:
            self._fill()
        self.on_room()
