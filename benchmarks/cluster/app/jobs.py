"""Handlers of the app in the worker pods; this folder is all that its image adds."""

import asyncio
import os
from collections.abc import AsyncIterator

from redis.asyncio import Redis

from flume import handler, lifespan

RUNS = "bench:runs"
"""Hash in Redis: number of a job -> how often it was started."""

_redis = Redis.from_url(os.environ.get("BENCH_REDIS_URL", "redis://localhost"))


@lifespan
async def counting() -> AsyncIterator[None]:
    """Leave no connection behind."""
    yield
    await _redis.aclose()


@handler(name="busy")
async def busy(seconds: float) -> None:
    """Take some time."""
    await asyncio.sleep(seconds)


@handler(name="counted")
async def counted(number: int, seconds: float) -> None:
    """Count that job `number` was started, and take some time."""
    await _redis.hincrby(RUNS, str(number), 1)
    await asyncio.sleep(seconds)
