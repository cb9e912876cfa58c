"""What a worker holds, and so how much more it may claim."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from flume.current import HeldJob
from flume.runtime.held_batch import HeldBatch
from flume.runtime.nothing import nothing


class Demand:
    """The jobs a worker has claimed, over all of its lanes.  A batch counts once.

    ``held`` is read by the heartbeat's thread, which copies it in one step (``list(values())`` is
    atomic under the interpreter's lock), and written by the event loop only.
    """

    def __init__(self, max_demand: int) -> None:
        self.max_demand = max_demand
        self.holds_back = False
        """The settings alone keep this worker from claiming: they are awaited, or say paused."""
        self.held: dict[bytes, HeldJob] = {}
        self.claiming = 0
        """Jobs, or batches, that claims under way may bring."""
        self.emptying: object = None
        """For whom this worker takes no more until it holds nothing: a suspect waits for that."""
        self.runs_alone = False
        """A suspect runs here."""
        self.on_unused: Callable[[HeldJob], None] = nothing
        """Told of a job that was let go before it used its token."""
        self.listeners: deque[Callable[[], None]] = deque()
        """Called when there may be room again: what one lane gives up another may use."""
        self._in_batches = 0  # how many of those held are
        self._batches = 0  # not all of whose jobs have been let go

    def obey(self, max_demand: int, *, holds_back: bool) -> None:
        """Hold as many from now on; what is held beyond that is run."""
        self.max_demand, self.holds_back = max_demand, holds_back
        self.freed()

    def freed(self) -> None:
        """Tell who waits for room, another one first each time: each gets its turn."""
        for listener in self.listeners:
            listener()
        self.listeners.rotate()

    def room(self, claimer: object) -> int:
        """Return how many more jobs, or batches, ``claimer`` may claim now."""
        taken = len(self.held) - self._in_batches + self._batches + self.claiming
        if self.holds_back or self.runs_alone or (self.claiming and not self.held):
            return 0  # a claim that was sent while nothing was held may bring a suspect
        if self.emptying is not None:
            if taken or self.emptying is not claimer:
                return 0
            self.emptying = None
        return self.max_demand - taken

    def take(self, jobs: list[HeldJob], *, alone: bool) -> None:
        """Hold claimed jobs."""
        for job in jobs:
            self.held[job.id] = job
        if alone:
            self.runs_alone = jobs[0].runs_alone = True

    def take_batches(self, batches: Sequence[HeldBatch], *, alone: bool) -> None:
        """Hold claimed batches."""
        for batch in batches:
            self.take(batch.jobs, alone=alone)
            self._in_batches += len(batch.jobs)
        self._batches += len(batches)

    def drop(self, job: HeldJob) -> bool:
        """Let a job go; returns whether it was still held.  Another claim's is left alone."""
        if self.held.get(job.id) is not job:
            return False
        del self.held[job.id]
        if job.tokens is not None:
            self.on_unused(job)
        if job.batch is not None or job.runs_alone:
            self._left(job, 1)
        return True

    def drop_called(self, jobs: Sequence[HeldJob]) -> list[HeldJob]:
        """Let jobs of one batch go, as ``drop`` does with each; return those that were held."""
        held = self.held
        dropped = [job for job in jobs if held.get(job.id) is job]
        for job in dropped:
            del held[job.id]
        if dropped:
            self._left(dropped[0], len(dropped))
        return dropped

    def _left(self, job: HeldJob, count: int) -> None:
        """Count jobs of one batch, or one by itself, as gone; a suspect is always the only one."""
        if job.runs_alone:
            self.runs_alone = False
        batch: HeldBatch | None = job.batch
        if batch is not None:
            batch.held -= count
            self._in_batches -= count
            if not batch.held:
                self._batches -= 1
