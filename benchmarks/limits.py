"""Measure a rate limit that two pipelines share: how exact it is, how well used, what it costs."""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import sys
import time
from bisect import bisect_right
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from redis import Redis

from benchmarks import drains, flume_side
from benchmarks.handlers import noop
from benchmarks.limited import start
from benchmarks.processes import running
from benchmarks.starts import FOLDER_VARIABLE, has_logs, read_logs
from flume import Client
from flume.commands import client as commands
from flume.commands.limit import define, definition, keys_of
from flume.connection import SyncConnections
from flume.keys import Keys, LimitKeys
from flume.pipeline import PipelineSettings, RateLimit
from flume.settings_record import Owner, encode

KEY = "bench"
QUEUES = ("bench-a", "bench-b")
WORKERS_EACH = 2
SECONDS = 30.0
RAISED = 1.2  # what the limit is changed to, over what it was
POLL_SECONDS = 0.01
START_TIMEOUT = 20.0
LEASE_SECONDS = 3.0  # how long the jobs of the killed worker are missing
BURST_SECONDS = 3.0

COST_ROUNDS = 5
COST_JOBS = 200_000
NEVER_BINDS = RateLimit(count=1_000_000_000, period_s=1, key=KEY)


class NothingStartedError(RuntimeError):
    """No worker started a job in its time."""


@dataclass(frozen=True, slots=True)
class Case:
    """One limit and how its jobs come."""

    count: int
    period_s: int
    has_bursts: bool = False
    """Jobs come in bursts every three seconds, as many as may start until the next."""


BURSTS = Case(100, 1, has_bursts=True)
SIX_SECONDS = Case(6_000, 6)
ONE_SECOND = Case(50_000, 1)
CASES = (BURSTS, SIX_SECONDS, ONE_SECOND)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a limit was used for."""

    case: Case
    over_by_starts: int
    """The most starts in any window less what was allowed there; above 0 it was exceeded."""
    over_by_grants: int
    """The same by the tokens that were taken, at Redis' times."""
    starts: int
    used: float
    """Starts in a window over what was allowed there: the mean over all windows but the first.

    Not starts over time: those of a window come in its first part, and whether the last part of
    the run is such a part is chance, worth half a window."""
    bytes: int
    """Of Redis' memory, for the limit."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Drains in jobs a second, round by round."""

    free: list[float]
    limited: list[float]

    @property
    def ratio(self) -> float:
        """What is left under a limit."""
        return drains.paired_ratio(self.limited, self.free)


def measure_case(url: str, folder: Path, case: Case) -> Kept:
    """Run four workers of two queues for half a minute; one is killed, and the limit is raised."""
    logs = folder / f"limit-{case.count}-{case.period_s}"
    logs.mkdir()
    with Redis.from_url(url) as redis, Client(url) as client, contextlib.ExitStack() as stack:
        redis.flushdb()
        _limit(url, case.count, case.period_s, version=1)
        feed = _Feed(client, case)
        workers = [
            stack.enter_context(_worker(url, logs, queue, number))
            for queue in QUEUES
            for number in range(WORKERS_EACH)
        ]
        began = _first_start(logs, feed)
        _until(began + SECONDS / 3, feed)
        os.killpg(workers[0].pid, signal.SIGKILL)
        stack.enter_context(_worker(url, logs, QUEUES[0], WORKERS_EACH))
        _until(began + SECONDS * 2 / 3, feed)
        changed = time.time()  # a window that ends from now on may hold more
        _limit(url, round(case.count * RAISED), case.period_s, version=2)
        _until(began + SECONDS, feed)
        ended, size = time.time(), _size(redis)
    return _judge(case, logs, changed=changed, ended=ended, size=size)


def measure_cost(url: str, folder: Path) -> Cost:
    """Drain without a limit and with one that does not bind, in turns."""
    free: list[float] = []
    limited: list[float] = []
    for _ in range(COST_ROUNDS):
        for rates, limit in ((free, None), (limited, NEVER_BINDS)):

            def prepare(limit: RateLimit | None = limit) -> None:
                configure(url, flume_side.QUEUE, limit, version=1)

            drain = drains.drain_flume(url, folder, noop, count=COST_JOBS, prepare=prepare)
            rates.append(drain.per_second)
    return Cost(free, limited)


def _limit(url: str, count: int, period_s: int, *, version: int) -> None:
    for queue in QUEUES:
        configure(url, queue, RateLimit(count, period_s, KEY), version=version)


class _Feed:
    """Keeps jobs waiting in both queues, or hands them in by bursts."""

    def __init__(self, client: Client, case: Case) -> None:
        self._client = client
        per_second = case.count / case.period_s * RAISED
        self._burst = round(per_second * BURST_SECONDS / len(QUEUES)) if case.has_bursts else 0
        self._next = 0.0
        if not case.has_bursts:
            self._fill(round(per_second * (SECONDS + 2 * case.period_s)))

    def tick(self) -> None:
        """Hand in what is due."""
        if self._burst and time.monotonic() >= self._next:
            self._next = time.monotonic() + BURST_SECONDS
            self._fill(self._burst)

    def _fill(self, count: int) -> None:
        for queue in QUEUES:
            for first in range(0, count, flume_side.FILL_BATCH):
                numbers = range(first, min(first + flume_side.FILL_BATCH, count))
                self._client.enqueue_many(queue, [start.job(number) for number in numbers])


def configure(url: str, queue: str, limit: RateLimit | None, *, version: int) -> None:
    """Write the settings of a queue, as whoever applies a manifest does."""
    keys = Keys(queue)
    settings = PipelineSettings(
        queue,
        max_demand=flume_side.MAX_DEMAND,
        concurrency=flume_side.CONCURRENCY,
        lease_s=LEASE_SECONDS,
        rate_limit=limit,
    )
    owner = Owner("bench", uid="bench", created_ms=1, spec=version)
    connections = SyncConnections(url)
    answer = connections.run(commands.configure(keys, owner, encode(settings)))
    if limit is not None:
        own = definition(limit, answer.generation)
        connections.run(define(keys_of(keys, limit), queue, own))
    connections.close()


def _worker(url: str, logs: Path, queue: str, number: int) -> AbstractContextManager[Popen[bytes]]:
    command = [
        *(sys.executable, "-m", "flume", "worker", "--queue", queue),
        *("--module", "benchmarks.limited", "--redis", url),
    ]
    log = logs / f"worker-{queue}-{number}.log"
    return running(command, log=log, environment={FOLDER_VARIABLE: str(logs)})


def _first_start(logs: Path, feed: _Feed) -> float:
    deadline = time.monotonic() + START_TIMEOUT
    while not has_logs(logs, "starts"):
        if time.monotonic() > deadline:
            raise NothingStartedError(f"no job started within {START_TIMEOUT:.0f} s")
        feed.tick()
        time.sleep(POLL_SECONDS)
    return time.time()


def _until(moment: float, feed: _Feed) -> None:
    while time.time() < moment:
        feed.tick()
        time.sleep(POLL_SECONDS)


def _judge(case: Case, logs: Path, *, changed: float, ended: float, size: int) -> Kept:
    """Look at every window that ends with a start, and every one that ends with a grant."""
    raised = round(case.count * RAISED)
    starts = [(at, 1) for at, _ in read_logs(logs, "starts") if at <= ended * 1e6]
    grants = read_logs(logs, "grants")

    def over(events: list[tuple[int, int]], per_second: int) -> int:
        return most_over(
            events,
            window=case.period_s * per_second,
            limit=lambda at: case.count if at < changed * per_second else raised,
        )

    used = mean_use(
        [at for at, _ in starts],
        window=case.period_s * 1_000_000,
        until=round(ended * 1e6),
        limit=lambda at: case.count if at < changed * 1e6 else raised,
    )
    return Kept(case, over(starts, 1_000_000), over(grants, 1000), len(starts), used, size)


def mean_use(starts: list[int], *, window: int, until: int, limit: Callable[[float], int]) -> float:
    """Return which part of a limit its windows hold, on the average over all their ends.

    Args:
        starts: When jobs started, in order; the first window that counts begins with the first.
        window: Length, in the unit of the starts' times.
        until: End of the last window.
        limit: What is allowed in a window that ends then.
    """
    parts = []
    for end in range(starts[0] + window, until, window // 1000):
        held = bisect_right(starts, end) - bisect_right(starts, end - window)
        parts.append(held / limit(end))
    return statistics.fmean(parts)


def most_over(events: list[tuple[int, int]], *, window: int, limit: Callable[[int], int]) -> int:
    """Return by how much the fullest window exceeds its limit; 0 or less where none does.

    Args:
        events: When, and how many; in order.
        window: Length, in the unit of the events' times.
        limit: What is allowed in a window that ends then.
    """
    inside, first, most = 0, 0, -(10**9)
    for at, count in events:
        inside += count
        while events[first][0] <= at - window:
            inside -= events[first][1]
            first += 1
        most = max(most, inside - limit(at))
    return most


def _size(redis: Redis) -> int:
    keys = LimitKeys(KEY)
    return sum(redis.memory_usage(key) or 0 for key in (keys.ring, keys.callers, keys.senders))
