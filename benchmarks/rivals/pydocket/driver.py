"""docket (distribution pydocket), one worker process."""

from __future__ import annotations

import sys
from datetime import timedelta

import uvloop
from docket import Docket, Worker
from redis import Redis

from benchmarks.rivals.contest import Rival, Setting, main, noop_async, redis_url

NAME = "bench"
CONCURRENCY = 100
CONNECTIONS = 1000
BATCH = 500

SETTINGS = (
    Setting("concurrency", f"{CONCURRENCY}", "the fastest of 10, 50, 100, 200, 500 and 1000"),
    Setting(
        "minimum_check_interval",
        "1 ms",
        "a worker whose places are all taken sleeps this long: the default of 250 ms gives 400 "
        "jobs/s",
    ),
    Setting(
        "max_connections",
        f"{CONNECTIONS}",
        "each running job may take one; at redis-py's default of 100 some jobs fail to start and "
        "wait five minutes for their redelivery",
    ),
    Setting("execution_ttl", "0", "no record of finished jobs, as every contestant"),
    Setting("schedule_automatic_tasks", "False", "there are none"),
    Setting("event loop", "uvloop", "10 % faster; the worker is started through its class"),
)

server = Redis.from_url(redis_url())

WORKER = (sys.executable, "-m", "benchmarks.rivals.pydocket.driver", "work")


def open_docket() -> Docket:
    """Return the docket with its one task."""
    url = f"{redis_url()}?max_connections={CONNECTIONS}"
    docket = Docket(name=NAME, url=url, execution_ttl=timedelta(0))
    docket.register(noop_async)
    return docket


async def work() -> None:
    """Run the worker until it is stopped."""
    async with (
        open_docket() as docket,
        Worker(
            docket,
            concurrency=CONCURRENCY,
            minimum_check_interval=timedelta(milliseconds=1),
            schedule_automatic_tasks=False,
        ) as worker,
    ):
        await worker.run_forever()


def fill(jobs: range) -> None:
    """Enqueue in batches."""
    uvloop.run(_fill(jobs))


async def _fill(jobs: range) -> None:
    async with open_docket() as docket:
        for first in range(jobs.start, jobs.stop, BATCH):
            numbers = range(first, min(first + BATCH, jobs.stop))
            await docket.add_many([docket.call(noop_async)(number) for number in numbers])


def unfinished() -> int:
    """Return how many messages wait or are not acknowledged: docket deletes the others."""
    return int(server.xlen(f"{NAME}:stream"))


if __name__ == "__main__":
    if sys.argv[1:] == ["work"]:
        uvloop.run(work())
    else:
        main(Rival("pydocket", "pydocket", SETTINGS, fill, WORKER, unfinished, server.flushdb))
