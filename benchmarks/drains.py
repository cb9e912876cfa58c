"""Measure drains: the yardstick, Flume with both kinds of handler, and a long queue."""

from __future__ import annotations

import contextlib
import signal
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks import flume_side, yardstick
from benchmarks.handlers import noop, noop_sync
from benchmarks.processes import peak_mib, resident_mib, running
from benchmarks.race import Drain, time_drain
from benchmarks.tally import TALLY_VARIABLE, Tally
from flume import Client, Handler

ROUNDS = 5  # interleaved, so that a machine that slows down slows down everyone
ASYNC_JOBS = 200_000  # about a second
SYNC_JOBS = 60_000
TIMEOUT = 60.0

SHORT_QUEUE = 10_000
SHORT_ROUNDS = 9  # each takes 0.1 s: the median of a few
LONG_QUEUE = 1_000_000
FAR_AWAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rounds:
    """Drains of the three that are compared, round by round."""

    yardstick: list[Drain]
    flume_async: list[Drain]
    flume_sync: list[Drain]


@dataclass(frozen=True, slots=True)
class LongQueue:
    """Drains of short queues and of a long one by one worker, and the worker's memory."""

    short: list[Drain]
    long: Drain
    rss_before_mib: float
    rss_after_mib: float
    rss_peak_mib: float


def median_rate(drains: list[Drain]) -> float:
    """Return the middle one of the rates, in jobs a second."""
    return statistics.median(drain.per_second for drain in drains)


def paired_ratio(rates: Iterable[float], others: Iterable[float]) -> float:
    """Return the median of the rounds' ratios: each round has its own mood of the machine."""
    return statistics.median(one / other for one, other in zip(rates, others, strict=True))


def measure_rounds(url: str, folder: Path) -> Rounds:
    """Drain with the yardstick, async and sync handlers, in turns."""
    rounds = Rounds([], [], [])
    for _ in range(ROUNDS):
        rounds.yardstick.append(_yardstick(url, folder))
        rounds.flume_async.append(drain_flume(url, folder, noop, count=ASYNC_JOBS))
        rounds.flume_sync.append(drain_flume(url, folder, noop_sync, count=SYNC_JOBS))
    return rounds


def measure_long_queue(url: str, folder: Path) -> LongQueue:
    """Drain queues of ten thousand, then one of a million, beside a million scheduled jobs.

    One worker does all, so that both lengths find it warm; it is held (SIGSTOP) while its queue
    fills, so that both find their whole queue there.
    """
    total = SHORT_QUEUE * SHORT_ROUNDS + LONG_QUEUE
    with (
        Redis.from_url(url) as redis,
        Client(url) as client,
        Tally(folder / "tally", total + SHORT_QUEUE) as tally,
    ):
        redis.flushdb()
        flume_side.schedule(client, LONG_QUEUE, FAR_AWAY)
        with flume_side.worker(url, folder, {TALLY_VARIABLE: str(tally.path)}) as worker:

            def drain_from(first: int, count: int) -> Drain:
                jobs = range(first, first + count)
                with _held(worker):
                    flume_side.fill(client, jobs)
                return _time(redis, tally, jobs, worker)

            drain_from(total, SHORT_QUEUE)  # warms up; waits for the worker to start
            before = resident_mib(worker.process.pid)
            starts = range(0, SHORT_QUEUE * SHORT_ROUNDS, SHORT_QUEUE)
            short = [drain_from(first, SHORT_QUEUE) for first in starts]
            long = drain_from(SHORT_QUEUE * SHORT_ROUNDS, LONG_QUEUE)
            after = resident_mib(worker.process.pid)
            return LongQueue(short, long, before, after, peak_mib(worker.process.pid))


def _yardstick(url: str, folder: Path) -> Drain:
    jobs = range(ASYNC_JOBS)
    command = [sys.executable, "-m", "benchmarks.yardstick", "drain", "--redis", url]
    log = folder / "yardstick.log"
    with Redis.from_url(url) as redis, Tally(folder / "tally", len(jobs)) as tally:
        redis.flushdb()
        yardstick.fill(redis, jobs)
        environment = {TALLY_VARIABLE: str(tally.path)}
        with running(command, log=log, environment=environment) as process:
            return time_drain(
                tally,
                jobs,
                lambda: yardstick.unfinished_jobs(redis),
                worker=process,
                log=log,
                timeout=TIMEOUT,
            )


def drain_flume(
    url: str,
    folder: Path,
    handler: Handler[[int], Any],
    *,
    count: int,
    prepare: Callable[[], None] = lambda: None,
    manifest: Path | None = None,
) -> Drain:
    """Drain ``count`` jobs with one new worker; ``prepare`` is called on the empty server."""
    jobs = range(count)
    with (
        Redis.from_url(url) as redis,
        Client(url) as client,
        Tally(folder / "tally", count) as tally,
    ):
        redis.flushdb()
        prepare()
        flume_side.fill(client, jobs, handler)
        environment = {TALLY_VARIABLE: str(tally.path)}
        with flume_side.worker(url, folder, environment, manifest=manifest) as worker:
            return _time(redis, tally, jobs, worker)


def _time(redis: Redis, tally: Tally, jobs: range, worker: flume_side.WorkerProcess) -> Drain:
    return time_drain(
        tally,
        jobs,
        lambda: flume_side.unfinished(redis),
        worker=worker.process,
        log=worker.log,
        timeout=TIMEOUT,
    )


@contextlib.contextmanager
def _held(worker: flume_side.WorkerProcess) -> Iterator[None]:
    worker.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        worker.process.send_signal(signal.SIGCONT)
