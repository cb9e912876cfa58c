"""Celery on its Redis broker, one worker process."""

from __future__ import annotations

import sys

from celery import Celery
from redis import Redis

from benchmarks.rivals.contest import Rival, Setting, main, noop, redis_url

QUEUE = "bench"
PREFETCH = 1000

SETTINGS = (
    Setting("task_acks_late", "True", "the default acknowledges before the run and loses the job"),
    Setting("task_reject_on_worker_lost", "True", "a killed worker's job comes back"),
    Setting("task_ignore_result", "True, no result backend", "a result is a write more a job"),
    Setting("pool", "solo", "the fastest of solo, threads, gevent and prefork with one child"),
    Setting(
        "worker_prefetch_multiplier",
        f"{PREFETCH}",
        "as many as Flume's maxDemand; measured equal from 128 to unlimited, 1 is slower",
    ),
    Setting(
        "broker_transport_options.priority_steps",
        "[0]",
        "no job has a priority: one list instead of four in each BRPOP",
    ),
    Setting(
        "gossip, mingle, heartbeat, remote control, rate limits, events",
        "off",
        "none makes jobs durable, each costs time",
    ),
    Setting("producer", "one, reused", "apply_async otherwise takes one from a pool each time"),
)

app = Celery("bench", broker=redis_url())
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={"priority_steps": [0]},
    task_acks_late=True,
    task_default_queue=QUEUE,
    task_ignore_result=True,
    task_reject_on_worker_lost=True,
    worker_disable_rate_limits=True,
    worker_enable_remote_control=False,
    worker_prefetch_multiplier=PREFETCH,
)
task = app.task(noop, name="noop")
server = Redis.from_url(redis_url())

WORKER = (
    *(sys.executable, "-m", "celery", "-A", "benchmarks.rivals.celery.driver", "worker"),
    *("--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat"),
    *("--loglevel", "ERROR"),
)


def fill(jobs: range) -> None:
    """Enqueue one by one: Celery has no call for many."""
    with app.producer_pool.acquire() as producer:
        for number in jobs:
            task.apply_async((number,), producer=producer)


def unfinished() -> int:
    """Return how many messages wait or are not acknowledged."""
    return int(server.llen(QUEUE)) + int(server.hlen("unacked"))


if __name__ == "__main__":
    main(Rival("celery", "celery", SETTINGS, fill, WORKER, unfinished, server.flushdb))
