"""Measure how soon a pause and a resume bind on eight busy workers."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from benchmarks import flume_side
from benchmarks.flume_side import KEYS, QUEUE, WorkerProcess
from benchmarks.handlers import stamp, stamp_and_wait
from benchmarks.processes import check_alive, running
from benchmarks.tally import STAMPS_VARIABLE, Stamps
from flume import Client

WORKERS = 8
CONCURRENCY = 10
MAX_DEMAND = 100
JOB_SECONDS = 0.01  # so that eight workers are busy on two cores, and not their cores alone

PAUSES = 10
JOBS = 60_000  # more than run between the pauses
BUSY_SECONDS = 0.4  # between two pauses

RESUMES = 200
WARM_UP = 10
ASLEEP_SECONDS = 0.05  # until all workers wait for the resume
WAIT_SECONDS = 20.0
POLL_SECONDS = 0.0005


class NotBoundError(RuntimeError):
    """The workers did not do in time what a measurement waits for."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """What happened after a pause's answer, at worst of all pauses."""

    last_start_ms: float
    """Until the last start of what was claimed before it."""
    claims_after: int
    """Jobs that were claimed after it, of all pauses together."""
    starts_after: int
    """Jobs that were claimed before it and started after it, at most."""


@dataclass(frozen=True, slots=True)
class Resumes:
    """From before the resume to the start of the first job, in ms."""

    p50_ms: float
    p99_ms: float
    max_ms: float


def measure_pauses(url: str, folder: Path) -> Pauses:
    """Pause eight workers again and again while they run jobs of 10 ms."""
    last_start_ns = claims = starts = 0
    with _stage(url, folder, JOBS) as (redis, client, stamps, workers):
        queue = client.queue(QUEUE)
        for first in range(0, JOBS, flume_side.FILL_BATCH):
            numbers = range(first, min(first + flume_side.FILL_BATCH, JOBS))
            client.enqueue_many(QUEUE, [stamp_and_wait.job(n, JOB_SECONDS) for n in numbers])
        _until(lambda: redis.zcard(KEYS.running) >= WORKERS * CONCURRENCY, workers)
        for _ in range(PAUSES):
            time.sleep(BUSY_SECONDS)
            queue.pause()
            answered = time.monotonic_ns()
            left = _ready(redis)
            _until(lambda: redis.zcard(KEYS.running) == 0, workers)
            late = [at - answered for at in stamps.read() if at > answered]
            last_start_ns = max(last_start_ns, *late, 0)
            starts = max(starts, len(late))
            # A job that is given back has the time of that in its entry, so it is another one.
            claims += len(left - _ready(redis))
            if not left:
                raise NotBoundError(f"the workers ran {JOBS:,} jobs before the last pause")
            queue.resume()
    return Pauses(last_start_ns / 1e6, claims, starts)


def measure_resumes(url: str, folder: Path) -> Resumes:
    """Resume eight paused workers with one ready job, again and again."""
    size = WARM_UP + RESUMES
    before = []
    with _stage(url, folder, size) as (redis, client, stamps, workers):
        queue = client.queue(QUEUE)
        for number in range(size):
            queue.pause()
            client.enqueue(QUEUE, stamp, number, 0)
            time.sleep(ASLEEP_SECONDS)
            before.append(time.monotonic_ns())
            queue.resume()
            _until(lambda: redis.hlen(KEYS.jobs) == 0, workers)
        ran = zip(before, stamps.read(), strict=True)
        waits = sorted((started - asked) / 1e6 for asked, started in list(ran)[WARM_UP:])
    cuts = statistics.quantiles(waits, n=100, method="inclusive")
    return Resumes(cuts[49], cuts[98], waits[-1])


@contextlib.contextmanager
def _stage(
    url: str, folder: Path, size: int
) -> Iterator[tuple[Redis, Client, Stamps, list[WorkerProcess]]]:
    """Run eight workers on an empty server."""
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis.from_url(url))
        client = stack.enter_context(Client(url))
        stamps = stack.enter_context(Stamps(folder / "stamps", size))
        redis.flushdb()
        workers = []
        for number in range(WORKERS):
            log = folder / f"worker-{number}.log"
            command = flume_side.worker_command(url, max_demand=MAX_DEMAND, concurrency=CONCURRENCY)
            environment = {STAMPS_VARIABLE: str(stamps.path)}
            process = stack.enter_context(running(command, log=log, environment=environment))
            workers.append(WorkerProcess(process, log))
        _until(lambda: len(client.queue(QUEUE).workers()) == WORKERS, workers)
        yield redis, client, stamps, workers


def _ready(redis: Redis) -> set[bytes]:
    entries = redis.lrange(KEYS.ready(stamp_and_wait.name), 0, -1)
    return {entry for entry in entries if isinstance(entry, bytes)}


def _until(condition: Callable[[], bool], workers: list[WorkerProcess]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        for worker in workers:
            check_alive(worker.process, worker.log)
        if time.monotonic() > deadline:
            raise NotBoundError(f"the workers did not get there within {WAIT_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
