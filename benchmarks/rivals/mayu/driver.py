"""mayu, a queue with a core in Rust, one worker process."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from mayu import App
from redis import Redis

from benchmarks.rivals.contest import Rival, Setting, main, noop, redis_url

QUEUE = "bench"
PREFETCH = "1000"
FILLERS = 4

SETTINGS = (
    Setting(
        "--mode",
        "thread",
        "on a Python with the GIL the default is one child process that runs one job at a time",
    ),
    Setting(
        "--threads",
        "1",
        "no difference between 1, 2 and 4 for jobs that do nothing; 16 is slower",
    ),
    Setting(
        "--prefetch-multiplier",
        PREFETCH,
        "with the default of 2 a tenth as fast; no gain above 500",
    ),
    Setting("task", "a plain function", "three times as fast as a coroutine function"),
    Setting("result_ttl", "none", "a result is a write more a job"),
    Setting("acknowledgement", "after the run", "its only way"),
)

app = App(broker=redis_url(), default_queue=QUEUE)
task = app.task(noop, name="noop")
server = Redis.from_url(redis_url())

WORKER = (
    *(sys.executable, "-m", "mayu", "worker", "benchmarks.rivals.mayu.driver:app"),
    *("--mode", "thread", "--threads", "1", "--prefetch-multiplier", PREFETCH),
    *("--log-level", "WARNING"),
)


def fill(jobs: range) -> None:
    """Enqueue from four threads: mayu has no call for many, and its core lets them overlap."""
    with ThreadPoolExecutor(FILLERS) as pool:
        for _ in pool.map(_fill, (jobs[at::FILLERS] for at in range(FILLERS))):
            pass


def _fill(jobs: range) -> None:
    for number in jobs:
        task.send(number)


def unfinished() -> int:
    """Return how many messages wait or are not acknowledged: mayu deletes the others."""
    return sum(server.xlen(stream) for stream in server.scan_iter(_type="stream", count=1000))


if __name__ == "__main__":
    main(Rival("mayu", "mayu", SETTINGS, fill, WORKER, unfinished, server.flushdb))
