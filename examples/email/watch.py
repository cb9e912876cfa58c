"""Looks at queues, handlers and SMTP server ten times a second, until something is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from crew import ChildFailedError, Crew, MailServer
from flume.sync_queue import Queue
from screen import Lane, Screen, State
from windows import Starts, lately

LOOK_SECONDS = 0.1
LONGEST_SECONDS = 300.0  # until the demo is given up; it should take 25


class Watch:
    """Waits, and shows meanwhile how far the mail is."""

    def __init__(
        self,
        screen: Screen,
        crew: Crew,
        mail: MailServer,
        *,
        queues: Mapping[str, Queue],
        totals: Mapping[str, int],
        starts: Starts,
        limited: Sequence[str],
        period_s: float,
    ) -> None:
        self.shares = dict.fromkeys(queues, 0.0)  # of the jobs of each that are sent or dead
        self.share = 0.0  # of all
        self._is_begun = False
        self._screen = screen
        self._crew = crew
        self._mail = mail
        self._queues = queues
        self._totals = totals
        self._starts = starts
        self._limited = limited  # pipelines that share a limit, whose window is so long
        self._period_s = period_s
        self._taken_back = 0
        self._deadline = time.monotonic() + LONGEST_SECONDS

    def begin(self) -> None:
        """Count time from now on."""
        self._is_begun = True
        self._screen.begin()

    def until(self, condition: Callable[[], bool]) -> None:
        """Return once the condition is true.

        Raises:
            ChildFailedError: If a process has ended with an error, or it takes too long.
        """
        while not condition():
            self.step()

    def step(self) -> None:
        """Show the state of now, and let a moment pass."""
        self._crew.check()
        if time.monotonic() > self._deadline:
            raise ChildFailedError(f"it was not done within {LONGEST_SECONDS:g} s")
        self.look()
        time.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Show the state of now."""
        if not self._is_begun:
            return
        counts = {name: queue.counts() for name, queue in self._queues.items()}
        dead = {name: found.dead for name, found in counts.items()}
        done = {
            name: found.totals.get("completed", 0) + dead[name] for name, found in counts.items()
        }
        self.shares = {name: done[name] / max(1, self._totals[name]) for name in done}
        state = State(
            total=sum(self._totals.values()),
            sent=self._mail.tally()["sent"],
            dead=sum(dead.values()),
            retrying=sum(found.retrying for found in counts.values()),
            running=sum(found.running for found in counts.values()),
            waiting=sum(found.ready for found in counts.values()),
            lanes=tuple(
                Lane(name, done[name], self._totals[name], self._paused(name)) for name in done
            ),
            starts=lately(self._starts.of(*self._limited), self._period_s),
        )
        self.share = sum(done.values()) / state.total
        self._screen.update(state)
        taken_back = sum(found.totals.get("reclaimed", 0) for found in counts.values())
        if taken_back > self._taken_back:
            jobs = taken_back - self._taken_back
            self._taken_back = taken_back
            self._screen.happened(f"its leases are over: [yellow]{jobs} jobs taken back[/]")

    def is_live(self, queue: str, pid: int) -> bool:
        """Return whether the worker with this process id has registered."""
        return any(worker.record.get("pid") == pid for worker in self._queues[queue].workers())

    def _paused(self, queue: str) -> tuple[datetime, str] | None:
        """Return since when and why a queue is paused."""
        for pause in self._queues[queue].pauses():
            if pause.since is not None:
                return pause.since, pause.reason
        return None
