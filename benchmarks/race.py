"""Time a drain from outside, in the same way for every contestant.

The queue is filled first and the worker is started then.  The clock runs from
the first handler's start to the moment when every job ran and the server holds
none of them any more: starting a process is not counted, storing the last
outcomes is.  Standard library only: the drivers of the rivals use it too.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import check_alive
from benchmarks.tally import Tally

POLL_SECONDS = 0.001  # 1 % of the shortest drain measured, and 2 % of a core


class DrainStoppedError(RuntimeError):
    """A drain did not end in its time."""


@dataclass(frozen=True, slots=True)
class Drain:
    """One drain: how many jobs, how long it took, how many ran more than once."""

    jobs: int
    seconds: float
    repeats: int

    @property
    def per_second(self) -> float:
        """Jobs a second."""
        return self.jobs / self.seconds


def time_drain(
    tally: Tally,
    jobs: range,
    left: Callable[[], int],
    *,
    worker: subprocess.Popen[bytes],
    log: Path,
    timeout: float,
) -> Drain:
    """Wait until `worker` has drained `jobs` and return how fast it was.

    Args:
        tally: Where the handlers note their jobs.
        jobs: The jobs' numbers, a part of the tally.
        left: Returns how many unfinished jobs the server holds.
        worker: The process that drains; the race ends if it does.
        log: The worker's output, quoted when it fails.
        timeout: Longest wait from now on, in seconds.

    Raises:
        DrainStoppedError: If the drain takes longer than `timeout`.
        ProcessFailedError: If the worker ends.
    """
    deadline = time.monotonic() + timeout

    def wait_until(is_true: Callable[[], bool]) -> float:
        while not is_true():
            check_alive(worker, log)
            if time.monotonic() > deadline:
                raise DrainStoppedError(
                    f"{tally.ran(jobs):,} of {len(jobs):,} jobs ran within {timeout:.0f} s and "
                    f"the server holds {left():,} unfinished ones"
                )
            time.sleep(POLL_SECONDS)
        return time.monotonic()

    missing: int | None = jobs.start

    def all_ran() -> bool:
        nonlocal missing  # resumes where it stopped, so that a poll stays cheap
        missing = tally.first_missing(range(missing or 0, jobs.stop))
        return missing is None

    started = wait_until(lambda: tally.has_started(jobs))
    wait_until(all_ran)
    ended = wait_until(lambda: left() == 0)
    return Drain(len(jobs), ended - started, tally.repeats(jobs))
