"""Measure how fast an app enqueues."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import uvloop
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from benchmarks.flume_side import KEYS, QUEUE
from benchmarks.handlers import noop
from flume import AsyncClient, Client

ROUNDS = 5
MANY = 100_000
CALLERS = 10
EACH = 5_000
BARE_EACH = 500  # a call each, so that a round takes about as long
ONE_BY_ONE = 3_000
WARM_UP = 200

BARE_LIST = "bare:list"


@dataclass(frozen=True, slots=True)
class Many:
    """Jobs a second of one call for many: the call alone, and with the making of the jobs."""

    call_per_s: float
    with_making_per_s: float


@dataclass(frozen=True, slots=True)
class TenCallers:
    """Enqueues a second by ten concurrent callers, and bare pushes by as many."""

    flume_per_s: float
    bare_per_s: float


@dataclass(frozen=True, slots=True)
class OneByOne:
    """Enqueues a second by one caller, and what the bare client does with the same bytes."""

    flume_per_s: float
    bare_per_s: float
    body_bytes: int


def measure_many(url: str) -> Many:
    """Measure `enqueue_many`, apart from and together with the making of its jobs."""
    made: list[float] = []
    sent: list[float] = []
    with Redis.from_url(url) as redis, Client(url) as client:
        for _ in range(ROUNDS):
            redis.flushdb()
            started = time.perf_counter()
            jobs = [noop.job(number) for number in range(MANY)]
            made.append(time.perf_counter() - started)
            started = time.perf_counter()
            client.enqueue_many(QUEUE, jobs)
            sent.append(time.perf_counter() - started)
        redis.flushdb()
    both = statistics.median(map(sum, zip(made, sent, strict=True)))
    return Many(call_per_s=MANY / statistics.median(sent), with_making_per_s=MANY / both)


def measure_ten_callers(url: str) -> TenCallers:
    """Compare ten concurrent callers of one AsyncClient with ten of a bare client, in turns."""
    return uvloop.run(_ten_callers(url))


async def _ten_callers(url: str) -> TenCallers:
    async with AsyncClient(url) as client, AsyncRedis.from_url(url) as redis:
        body = await _body(client, redis)

        async def enqueue(count: int) -> None:
            for number in range(count):
                await client.enqueue(QUEUE, noop, number)

        async def push(count: int) -> None:
            for _ in range(count):
                await redis.rpush(BARE_LIST, body)

        async def seconds(caller: Callable[[int], Awaitable[None]], count: int) -> float:
            started = time.perf_counter()
            await asyncio.gather(*(caller(count) for _ in range(CALLERS)))
            return time.perf_counter() - started

        await seconds(enqueue, WARM_UP)
        await seconds(push, WARM_UP)
        pairs = [
            (await seconds(enqueue, EACH), await seconds(push, BARE_EACH)) for _ in range(ROUNDS)
        ]
        await redis.flushdb()
    flume, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    return TenCallers(CALLERS * EACH / flume, CALLERS * BARE_EACH / bare)


async def _body(client: AsyncClient, redis: AsyncRedis) -> bytes | str:
    """Return what Redis keeps of a job like those that are enqueued."""
    job = await client.enqueue(QUEUE, noop, EACH)
    return await redis.hget(KEYS.jobs, job.id) or b""


def measure_one_by_one(url: str) -> OneByOne:
    """Compare `Client.enqueue` with a bare RPUSH of as many bytes, in turns."""
    with Redis.from_url(url) as redis, Client(url) as client:
        redis.flushdb()
        job = client.enqueue(QUEUE, noop, ONE_BY_ONE)
        body = redis.hget(KEYS.jobs, job.id) or b""

        def enqueue(count: int = ONE_BY_ONE) -> None:
            for number in range(count):
                client.enqueue(QUEUE, noop, number)

        def push(count: int = ONE_BY_ONE) -> None:
            for _ in range(count):
                redis.rpush(BARE_LIST, body)

        enqueue(WARM_UP)
        push(WARM_UP)
        pairs = [(_seconds(enqueue), _seconds(push)) for _ in range(ROUNDS)]
        redis.flushdb()
    flume, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    return OneByOne(ONE_BY_ONE / flume, ONE_BY_ONE / bare, len(body))


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
