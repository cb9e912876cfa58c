"""Measure batches: what they gain, how full they are, and how late an open one closes."""

from __future__ import annotations

import random
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from benchmarks import drains, flume_side
from benchmarks.handlers import late_batch, noop, noop_batch, sized_batch
from benchmarks.processes import check_alive
from benchmarks.race import Drain
from benchmarks.tally import STAMPS_VARIABLE, Stamps
from flume import Client

SIZE = 100
ROUNDS = 5  # interleaved: batches and single jobs meet the same moods of the machine
JOBS = 200_000  # about a second of single jobs

FILL_JOBS = 60_000
FILL_WORKERS = 4
FILL_SECONDS = 60.0

LATE_SAMPLES = 200
LATE_TIMEOUT_MS = 50
LATE_REST_SECONDS = (0.01, 0.03)
LATE_SECONDS = 10.0
POLL_SECONDS = 0.001


class BatchStoppedError(RuntimeError):
    """Batches did not run in their time."""


@dataclass(frozen=True, slots=True)
class Speedup:
    """Drains of single jobs and of batches, round by round."""

    single: list[Drain]
    batches: list[Drain]

    @property
    def ratio(self) -> float:
        """How many times as fast batches are."""
        batches, single = ((one.per_second for one in each) for each in (self.batches, self.single))
        return drains.paired_ratio(batches, single)


@dataclass(frozen=True, slots=True)
class Fill:
    """How full batches were."""

    mean: float
    batches: int
    smallest: int


@dataclass(frozen=True, slots=True)
class Lateness:
    """From the moment when an open batch was due until its handler started, in ms."""

    p50_ms: float
    p99_ms: float
    max_ms: float


def measure_speedup(url: str, folder: Path) -> Speedup:
    """Drain no-op async jobs one by one and in batches of a hundred, in turns."""
    manifest = _manifest(folder, timeout_ms=1000)
    single, batches = [], []
    for _ in range(ROUNDS):
        single.append(drains.drain_flume(url, folder, noop, count=JOBS))
        batches.append(drains.drain_flume(url, folder, noop_batch, count=JOBS, manifest=manifest))
    return Speedup(single, batches)


def measure_fill(url: str, folder: Path) -> Fill:
    """Let four workers empty one deep queue; each job notes how many there were in its batch."""
    jobs = range(FILL_JOBS)
    with (
        Redis.from_url(url) as redis,
        Client(url) as client,
        Stamps(folder / "stamps", len(jobs)) as stamps,
        ExitStack() as workers,
    ):
        redis.flushdb()
        flume_side.fill(client, jobs, sized_batch)
        manifest = _manifest(folder, timeout_ms=100)
        environment = {STAMPS_VARIABLE: str(stamps.path)}
        started = []
        for number in range(FILL_WORKERS):
            own = folder / f"worker-{number}"
            own.mkdir(exist_ok=True)
            started.append(
                workers.enter_context(flume_side.worker(url, own, environment, manifest=manifest))
            )
        deadline = time.monotonic() + FILL_SECONDS
        while left := flume_side.unfinished(redis):
            for worker in started:
                check_alive(worker.process, worker.log)
            if time.monotonic() > deadline:
                raise BatchStoppedError(f"{left:,} jobs are left after {FILL_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        sizes = stamps.read()
    batches = round(sum(1 / size for size in sizes))
    return Fill(len(jobs) / batches / SIZE, batches, min(sizes))


def measure_lateness(url: str, folder: Path) -> Lateness:
    """Hand in a few jobs at a time, far too few for a batch, to an idle worker."""
    rng = random.Random(5)
    with (
        Redis.from_url(url) as redis,
        Client(url) as client,
        Stamps(folder / "stamps", LATE_SAMPLES + 1) as stamps,
    ):
        redis.flushdb()
        environment = {STAMPS_VARIABLE: str(stamps.path)}
        manifest = _manifest(folder, timeout_ms=LATE_TIMEOUT_MS)
        with flume_side.worker(url, folder, environment, manifest=manifest) as worker:
            for number in range(LATE_SAMPLES + 1):  # the first one waits for the worker to start
                sent_ns = time.monotonic_ns()  # before the job is ready, so that it flatters nobody
                for _ in range(rng.randrange(1, 4)):
                    client.enqueue(flume_side.QUEUE, late_batch, [number, sent_ns])
                _wait_for(stamps, number, worker)
                time.sleep(rng.uniform(*LATE_REST_SECONDS))
        late = [wait / 1e6 - LATE_TIMEOUT_MS for wait in stamps.read()[1:]]
    cuts = statistics.quantiles(late, n=100, method="inclusive")
    return Lateness(p50_ms=cuts[49], p99_ms=cuts[98], max_ms=max(late))


def _manifest(folder: Path, *, timeout_ms: int) -> Path:
    path = folder / "batches.yaml"
    path.write_text(
        "apiVersion: flume.dev/v1alpha1\n"
        "kind: Pipeline\n"
        "metadata: {name: bench}\n"
        "spec:\n"
        f"  queue: {flume_side.QUEUE}\n"
        "  modules: [benchmarks.handlers]\n"
        "  image: bench\n"
        f"  batchSize: {SIZE}\n"
        f"  batchTimeoutMilliseconds: {timeout_ms}\n",
        encoding="utf-8",
    )
    return path


def _wait_for(stamps: Stamps, number: int, worker: flume_side.WorkerProcess) -> None:
    deadline = time.monotonic() + LATE_SECONDS
    while not stamps.is_set(number):
        check_alive(worker.process, worker.log)
        if time.monotonic() > deadline:
            raise BatchStoppedError(f"batch {number} did not start within {LATE_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
