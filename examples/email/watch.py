"""Looks at queue and SMTP server ten times a second, until what the demo waits for is there."""

from __future__ import annotations

import time
from collections.abc import Callable

from crew import ChildFailedError, Crew, MailServer
from flume.sync_queue import Queue
from screen import Screen, State

LOOK_SECONDS = 0.1
LONGEST_SECONDS = 300.0  # until the demo is given up; it should take 20


class Watch:
    """Waits, and shows meanwhile how far the mail is."""

    def __init__(self, screen: Screen, crew: Crew, mail: MailServer, queue: Queue) -> None:
        self.total = 0  # jobs
        self.share = 0.0  # of them that are sent or dead
        self._screen = screen
        self._crew = crew
        self._mail = mail
        self._queue = queue
        self._taken_back = 0
        self._deadline = time.monotonic() + LONGEST_SECONDS

    def begin(self, total: int) -> None:
        """Count time, and ``total`` jobs, from now on."""
        self.total = total
        self._screen.begin()

    def until(self, condition: Callable[[], bool]) -> None:
        """Return once the condition is true.

        Raises:
            ChildFailedError: If a process has ended with an error, or it takes too long.
        """
        while not condition():
            self._crew.check()
            if time.monotonic() > self._deadline:
                raise ChildFailedError(f"it was not done within {LONGEST_SECONDS:g} s")
            self.look()
            time.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Show the state of now."""
        if not self.total:  # nothing is under way yet
            return
        counts = self._queue.counts()
        tally = self._mail.tally()
        state = State(
            total=self.total,
            sent=tally["sent"],
            dead=counts.dead,
            retrying=counts.retrying,
            running=counts.running,
            waiting=counts.ready,
        )
        self.share = state.done / self.total
        self._screen.update(state)
        taken_back = counts.totals.get("reclaimed", 0) - self._taken_back
        if taken_back:
            self._taken_back += taken_back
            self._screen.happened(f"its lease is over: [yellow]{taken_back} jobs taken back[/]")

    def is_live(self, pid: int) -> bool:
        """Return whether the worker with this process id has registered."""
        return any(worker.record.get("pid") == pid for worker in self._queue.workers())
