"""taskiq on the Redis stream broker of taskiq-redis, one worker process."""

from __future__ import annotations

import asyncio
import sys

from redis import Redis
from taskiq.serializers import ORJSONSerializer
from taskiq_redis import RedisStreamBroker

from benchmarks.rivals.contest import Rival, Setting, main, noop_async, redis_url

QUEUE = "bench"
AT_ONCE = 1000
CALLERS = 50

SETTINGS = (
    Setting("broker", "RedisStreamBroker", "the only one of taskiq-redis that acknowledges"),
    Setting("consumer_id", "0", "the default forgets jobs enqueued before the first worker"),
    Setting("unacknowledged_lock_timeout", "30", "the default lock outlives a killed worker"),
    Setting("xread_count", f"{AT_ONCE}", "3 to 10 % faster than the default of 100"),
    Setting("--ack-type", "when_executed", "after the run; when_saved waits for a result too"),
    Setting("--max-async-tasks, --max-prefetch", f"{AT_ONCE}, 100", "the fastest of 100 and 1000"),
    Setting("--no-parse, ORJSONSerializer", "set", "spares pydantic and the slower JSON"),
    Setting("uvloop, hiredis", "installed", "used when there"),
    Setting("result backend", "none", "a result is a write more a job"),
)

broker = RedisStreamBroker(
    redis_url(),
    queue_name=QUEUE,
    consumer_id="0",
    xread_count=AT_ONCE,
    unacknowledged_lock_timeout=30,
).with_serializer(ORJSONSerializer())
task = broker.register_task(noop_async, task_name="noop")
server = Redis.from_url(redis_url())

WORKER = (
    *(sys.executable, "-m", "taskiq", "worker", "benchmarks.rivals.taskiq.driver:broker"),
    *("--workers", "1", "--max-async-tasks", f"{AT_ONCE}", "--max-prefetch", "100"),
    *("--no-parse", "--ack-type", "when_executed", "--log-level", "WARNING"),
)


def fill(jobs: range) -> None:
    """Enqueue from concurrent callers: taskiq has no call for many."""
    asyncio.run(_fill(jobs))


async def _fill(jobs: range) -> None:
    await broker.startup()
    numbers = iter(jobs)

    async def caller() -> None:
        for number in numbers:
            await task.kiq(number)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    await broker.shutdown()


def unfinished() -> int:
    """Return how many messages were not read or not acknowledged."""
    group = server.xinfo_groups(QUEUE)[0]
    return int(group["pending"]) + int(group["lag"])


if __name__ == "__main__":
    main(Rival("taskiq", "taskiq", SETTINGS, fill, WORKER, unfinished, server.flushdb))
