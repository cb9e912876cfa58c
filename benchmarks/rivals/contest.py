"""Run one rival: fill its queue, drain it with one worker process, print one line.

Runs inside the rival's own environment, so: standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from benchmarks.processes import running
from benchmarks.race import Drain, time_drain
from benchmarks.tally import TALLY_VARIABLE, Tally, shared_cells

REDIS_VARIABLE = "FLUME_BENCH_REDIS"

TRIAL_JOBS = 1_000  # tells how many jobs the measured drain takes
DRAIN_SECONDS = 3.0  # long enough that filling a worker's buffers does not count
FILL_SECONDS = 3.0  # the slowest enqueue 2,000 jobs a second
TRIES = 2  # the better one counts: a rival is not to suffer from the machine's other work
MOST_JOBS = 200_000  # what Flume drains
DRAIN_TIMEOUT = 40.0
GRACE = 0.5  # its jobs are done and counted; some wait for seconds before they end


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a rival, and why it is its best durable one."""

    name: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Rival:
    """What a driver tells: how its rival is filled, run and looked into."""

    name: str
    distribution: str
    settings: Sequence[Setting]
    fill: Callable[[range], None]
    worker: Sequence[str]
    unfinished: Callable[[], int]
    clear: Callable[[], object]
    environment: Mapping[str, str] = field(default_factory=dict)


def redis_url() -> str:
    """Return the URL that the benchmark gave: the driver and its worker both read it."""
    return os.environ.get(REDIS_VARIABLE, "redis://127.0.0.1:6379/0")


_cells = shared_cells()


def noop(value: int) -> None:
    """Do nothing but note that job `value` ran: the handler of every rival with threads."""
    _cells[value] += 1


async def noop_async(value: int) -> None:
    """Do the same on an event loop."""
    _cells[value] += 1


def main(rival: Rival) -> None:
    """Measure `rival` and print one JSON line."""
    options = argparse.ArgumentParser(prog=f"benchmarks.rivals.{rival.name}.driver")
    options.add_argument("--jobs", type=int, help="by default as many as take about 3 s")
    jobs: int | None = options.parse_args().jobs
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # runs what ends the worker
    with tempfile.TemporaryDirectory(prefix="flume-rival-") as folder:
        if jobs is None:
            trial, filled = drain_once(rival, TRIAL_JOBS, Path(folder))
            jobs = affordable_jobs(drain_per_s=trial.per_second, fill_per_s=filled)
        tries = [drain_once(rival, jobs, Path(folder)) for _ in range(TRIES)]
    drain = max((drain for drain, _ in tries), key=lambda drain: drain.per_second)
    figures = {
        "rival": rival.name,
        "version": version(rival.distribution),
        "python": sys.version.split()[0],
        "jobs": drain.jobs,
        "drain_per_s": round(drain.per_second),
        "enqueue_per_s": round(max(filled for _, filled in tries)),
        "repeats": sum(drain.repeats for drain, _ in tries),
        "settings": [asdict(setting) for setting in rival.settings],
    }
    print(json.dumps(figures))


def affordable_jobs(*, drain_per_s: float, fill_per_s: float) -> int:
    """Return how many jobs keep filling and draining within a few seconds."""
    jobs = min(drain_per_s * DRAIN_SECONDS, fill_per_s * FILL_SECONDS, MOST_JOBS)
    return max(TRIAL_JOBS, round(jobs))


def drain_once(rival: Rival, jobs: int, folder: Path) -> tuple[Drain, float]:
    """Return one drain of `jobs` jobs, and how many a second were enqueued."""
    numbers = range(jobs)
    rival.clear()
    started = time.perf_counter()
    rival.fill(numbers)
    filled = jobs / (time.perf_counter() - started)
    log = folder / "worker.log"
    with Tally(folder / "tally", jobs) as tally:
        environment = {**rival.environment, TALLY_VARIABLE: str(tally.path)}
        with running(rival.worker, log=log, environment=environment, grace=GRACE) as worker:
            drain = time_drain(
                tally, numbers, rival.unfinished, worker=worker, log=log, timeout=DRAIN_TIMEOUT
            )
    return drain, filled
