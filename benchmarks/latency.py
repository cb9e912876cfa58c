"""Measure how long a job waits for an idle worker, and what idleness costs Redis."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from redis import Redis

from benchmarks import bare, flume_side
from benchmarks.handlers import stamp
from benchmarks.processes import check_alive, running
from benchmarks.tally import STAMPS_VARIABLE, Stamps
from flume import Client

SAMPLES = 1_000
WARM_UP = 50
REST_SECONDS = (0.004, 0.008)  # between jobs: the worker stores the outcome and waits again
POLL_SECONDS = 0.0005
START_SECONDS = 20.0

SETTLE_SECONDS = 2.0
IDLE_SECONDS = 10.0


class NoAnswerError(RuntimeError):
    """A job did not start in its time."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Waits from before the enqueue to the handler's start, in ms."""

    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Idleness:
    """What an idle worker asks of Redis."""

    calls_per_s: float
    commands_per_s: float
    by_command: dict[str, int]


def measure_latency(url: str, folder: Path) -> Latency:
    """Enqueue single jobs to a worker that has nothing else to do."""
    with (
        Redis.from_url(url) as redis,
        Client(url) as client,
        Stamps(folder / "stamps", WARM_UP + SAMPLES) as stamps,
    ):
        redis.flushdb()
        environment = {STAMPS_VARIABLE: str(stamps.path)}
        with flume_side.worker(url, folder, environment) as worker:

            def enqueue(number: int) -> None:
                client.enqueue(flume_side.QUEUE, stamp, number, time.monotonic_ns())

            return _sample(enqueue, stamps, worker.process, worker.log)


def measure_bare(url: str, folder: Path) -> Latency:
    """Push single markers to a process that asks Redis once more for each, with bare redis-py."""
    log = folder / "bare.log"
    with Redis.from_url(url) as redis, Stamps(folder / "bare", WARM_UP + SAMPLES) as stamps:
        redis.flushdb()
        command = [sys.executable, "-m", "benchmarks.bare", url]
        environment = {STAMPS_VARIABLE: str(stamps.path)}
        with running(command, log=log, environment=environment) as process:

            def push(number: int) -> None:
                redis.rpush(bare.MARKERS, f"{number} {time.monotonic_ns()}")

            return _sample(push, stamps, process, log)


def _sample(
    send: Callable[[int], None], stamps: Stamps, process: Popen[bytes], log: Path
) -> Latency:
    """Send one by one, each when the one before has started and a moment has passed."""
    rng = random.Random(4)
    for number in range(stamps.size):
        send(number)
        _wait_for(stamps, number, process, log)
        time.sleep(rng.uniform(*REST_SECONDS))
    waits = sorted(wait / 1e6 for wait in stamps.read()[WARM_UP:])
    cuts = statistics.quantiles(waits, n=100, method="inclusive")
    return Latency(p50_ms=cuts[49], p99_ms=cuts[98], max_ms=waits[-1])


def measure_idleness(url: str, folder: Path) -> Idleness:
    """Count what reaches Redis in ten seconds without a job.

    MONITOR tells calls of the worker from commands inside its scripts, which INFO counts alike.
    """
    with Redis.from_url(url) as redis, Client(url) as client, Stamps(folder / "s", 1) as stamps:
        redis.flushdb()
        environment = {STAMPS_VARIABLE: str(stamps.path)}
        with flume_side.worker(url, folder, environment) as worker:
            client.enqueue(flume_side.QUEUE, stamp, 0, time.monotonic_ns())
            _wait_for(stamps, 0, worker.process, worker.log)
            time.sleep(SETTLE_SECONDS)
            before = _commands(redis)
            calls = _watch(redis)
            after = _commands(redis)
            check_alive(worker.process, worker.log)
    # Ours: the INFO that ends the count, the MONITOR that made the calls visible.
    return Idleness(
        calls_per_s=sum(calls.values()) / IDLE_SECONDS,
        commands_per_s=max(0, after - before - 2) / IDLE_SECONDS,
        by_command=dict(calls.most_common()),
    )


def _watch(redis: Redis) -> Counter[str]:
    calls: Counter[str] = Counter()
    until = time.monotonic() + IDLE_SECONDS
    with redis.monitor() as monitor:  # type: ignore[no-untyped-call]
        while (rest := until - time.monotonic()) > 0:
            if not monitor.connection.can_read(timeout=rest):
                continue
            seen = monitor.next_command()
            if seen["client_type"] != "lua":
                calls[seen["command"].split()[0].upper()] += 1
    return calls


def _commands(redis: Redis) -> int:
    return int(redis.info("stats")["total_commands_processed"])


def _wait_for(stamps: Stamps, number: int, process: Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not stamps.is_set(number):
        check_alive(process, log)
        if time.monotonic() > deadline:
            raise NoAnswerError(f"job {number} did not start within {START_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
