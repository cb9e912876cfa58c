"""Run Flume for the benchmark: a real worker process, filled through the public client."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any

from redis import Redis

from benchmarks.handlers import noop
from benchmarks.processes import running
from flume import Client, Handler
from flume.keys import Keys
from flume.sending import Due

QUEUE = "bench"
KEYS = Keys(QUEUE)
MAX_DEMAND = 1000
CONCURRENCY = 100

FILL_BATCH = 20_000  # keeps the benchmark's own memory small


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A running worker and where its output goes."""

    process: Popen[bytes]
    log: Path


@contextlib.contextmanager
def worker(
    url: str, folder: Path, environment: Mapping[str, str], *, manifest: Path | None = None
) -> Iterator[WorkerProcess]:
    """Run one worker with everything on; it is stopped when the block ends."""
    log = folder / "worker.log"
    command = worker_command(url)
    if manifest is not None:  # what no flag sets
        command += ["--manifest", str(manifest)]
    with running(command, log=log, environment=environment) as process:
        yield WorkerProcess(process, log)


def worker_command(
    url: str, *, max_demand: int = MAX_DEMAND, concurrency: int = CONCURRENCY
) -> list[str]:
    """Return the command of the worker, as a user would type it."""
    return [
        *(sys.executable, "-m", "flume", "worker"),
        *("--queue", QUEUE, "--module", "benchmarks.handlers", "--redis", url),
        *("--max-demand", str(max_demand), "--concurrency", str(concurrency)),
        *("--health-port", "0"),  # /metrics is served
    ]


def fill(client: Client, jobs: range, handler: Handler[[int], Any] = noop) -> None:
    """Enqueue one job for each number."""
    for first in range(jobs.start, jobs.stop, FILL_BATCH):
        numbers = range(first, min(first + FILL_BATCH, jobs.stop))
        client.enqueue_many(QUEUE, [handler.job(number) for number in numbers])


def schedule(client: Client, count: int, wait: timedelta) -> None:
    """Schedule jobs that are not due during the benchmark.

    Through the client's own machinery: the public calls schedule one job each, which would take
    a minute for a million.
    """
    for first in range(0, count, FILL_BATCH):
        jobs = [noop.job(0) for _ in range(min(FILL_BATCH, count - first))]
        client._send(QUEUE, jobs, Due.after(wait))


def unfinished(redis: Redis) -> int:
    """Return how many jobs the server holds, scheduled ones left out."""
    with redis.pipeline(transaction=False) as pipe:
        pipe.hlen(KEYS.jobs)
        pipe.zcard(KEYS.scheduled)
        held, scheduled = pipe.execute()
    return int(held) - int(scheduled)
