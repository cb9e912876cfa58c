"""dramatiq on its Redis broker, one worker process."""

from __future__ import annotations

import sys

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Retries
from redis import Redis

from benchmarks.rivals.contest import Rival, Setting, main, noop, redis_url

QUEUE = "bench"
PREFETCH = "500"
THREADS = "1"

SETTINGS = (
    Setting(
        "middleware",
        "Retries alone",
        "what makes a failed job run again; the other defaults cost time and keep no job safe",
    ),
    Setting(
        "dramatiq_queue_prefetch",
        PREFETCH,
        "the default, twice the threads, fetches too few and then sleeps: 264 to 2,000 jobs/s",
    ),
    Setting("--threads", THREADS, "the fastest of 1, 2, 4 and 8 for jobs that do nothing"),
    Setting("--processes", "1", "one process, as every contestant"),
    Setting("results", "none", "a result is a write more a job"),
)

broker = RedisBroker(url=redis_url(), middleware=[Retries()])
dramatiq.set_broker(broker)
actor = dramatiq.actor(noop, actor_name="noop", queue_name=QUEUE)
server = Redis.from_url(redis_url())

WORKER = (
    *(sys.executable, "-m", "dramatiq", "benchmarks.rivals.dramatiq.driver"),
    *("--processes", "1", "--threads", THREADS),
)


def fill(jobs: range) -> None:
    """Enqueue one by one: dramatiq has no call for many."""
    for number in jobs:
        actor.send(number)


def unfinished() -> int:
    """Return how many messages wait or are not acknowledged: their bodies live until then."""
    return int(server.hlen(f"dramatiq:{QUEUE}.msgs"))


if __name__ == "__main__":
    main(
        Rival(
            "dramatiq",
            "dramatiq",
            SETTINGS,
            fill,
            WORKER,
            unfinished,
            server.flushdb,
            environment={"dramatiq_queue_prefetch": PREFETCH},
        )
    )
