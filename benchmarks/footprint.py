"""Measure the memory of Redis that a waiting job takes."""

from __future__ import annotations

from redis import Redis

from benchmarks import flume_side
from flume import Client

JOBS = 100_000


def measure_bytes_per_job(url: str) -> float:
    """Return bytes of Redis memory for each waiting job with one small argument."""
    with Redis.from_url(url) as redis, Client(url) as client:
        redis.flushdb()
        before = _used(redis)
        flume_side.fill(client, range(JOBS))
        after = _used(redis)
        redis.flushdb()
    return (after - before) / JOBS


def _used(redis: Redis) -> int:
    return int(redis.info("memory")["used_memory"])
