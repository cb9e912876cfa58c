"""Waiting for a rate limit costs little, holds nothing back and ends at once."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack

import pytest

from flume.runtime.limiter import Place
from tests.runtime.limited import PERIOD_S, Starts, fullest, limit
from tests.runtime.working import QUEUE, Stage, named
from tests.support.proxy import proxied
from tests.support.waiting import wait_until_async


async def test_an_idle_worker_holds_no_tokens_while_it_waits(solo: Stage) -> None:
    """Another queue could use them; and a worker at rest stays under five calls a second."""
    sent = ("evalsha", "eval", "bzpopmin", "smembers", "sadd", "hgetall")

    def calls() -> int:
        stats = solo.server.call("INFO", "commandstats")
        return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in sent)

    with Starts() as starts:
        handlers = [named("a", starts.run), named("s", starts.run_sync)]
        async with solo.working(*handlers, rate_limit=limit(10)):
            await wait_until_async(lambda: starts.taken and starts.in_use() == 0)
            before = calls()
            with pytest.raises(TimeoutError):  # a stretch of time is what is measured
                await asyncio.wait_for(asyncio.Event().wait(), 3)
            made = calls() - before
            await wait_until_async(lambda: starts.in_use() == 0, 1)  # a look may be under way

    assert made / 3 < 5


async def test_workers_that_wait_ask_when_there_is_something_to_have(solo: Stage) -> None:
    """Four of them at ten jobs a second: no polling, and no stampede at each token."""
    with Starts() as starts:
        handler = named("a", starts.run)
        await solo.client.enqueue_many(QUEUE, [handler.job(n) for n in range(30)])
        async with AsyncExitStack() as stack:
            for _ in range(4):
                await stack.enter_async_context(solo.working(handler, rate_limit=limit(10)))
            await wait_until_async(lambda: len(starts.at) == 10)
            asked, began = _reserves(solo), time.monotonic()
            await wait_until_async(lambda: len(starts.at) == 30, 5)
            asked, took = _reserves(solo) - asked, time.monotonic() - began

    assert fullest(starts.at) <= 10
    assert took < 2.5 * PERIOD_S
    assert asked / took < 60


def _reserves(solo: Stage) -> int:
    stats = solo.server.call("INFO", "commandstats")
    return int(stats["cmdstat_evalsha"]["calls"])


@pytest.mark.parametrize("is_paused", [False, True])
async def test_a_worker_that_waits_for_the_limit_stops_at_once(
    solo: Stage, is_paused: bool
) -> None:
    """A period of an hour must not hold up a deploy; nor does a pause that comes meanwhile."""
    with Starts() as starts:
        handler = named("a", starts.run)
        await solo.client.enqueue_many(QUEUE, [handler.job(n) for n in range(5)])
        async with solo.working(handler, rate_limit=limit(2, period_s=3600)) as worker:
            await wait_until_async(lambda: len(starts.at) == 2)
            if is_paused:
                await solo.queue.pause(reason="test")
                await solo.until_paused(worker)
            began = time.monotonic()
            worker.stop()
        took = time.monotonic() - began
    counts = await solo.queue.counts()
    await solo.queue.purge("ready")

    assert took < 0.1
    assert counts.ready == 3
    assert starts.in_use() == 2


@pytest.mark.parametrize("way_s", [0.015, 0.06])
async def test_a_long_way_to_redis_is_given_the_time_it_takes(solo: Stage, way_s: float) -> None:
    """A reserve and a claim take longer than tokens last that were taken next to Redis."""
    with Starts() as starts, proxied(solo.server.port) as proxy:
        handler = named("a", starts.run)
        await solo.client.enqueue_many(QUEUE, [handler.job(n) for n in range(40)])
        async with solo.working(handler, url=proxy.url, rate_limit=limit(20)):
            proxy.delay(way_s)
            await solo.until_empty()

    assert sorted(starts.runs) == [*range(40)]
    assert fullest(starts.at) <= 20


async def test_a_way_that_is_too_long_starts_nothing_says_so_and_does_not_spin(
    solo: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """No token arrives in time to start a job by; a person must know, and Redis must not suffer."""
    with Starts() as starts, proxied(solo.server.port) as proxy:
        handler = named("a", starts.run)
        async with solo.working(handler, url=proxy.url, rate_limit=limit(20)):
            proxy.delay(0.25)
            with caplog.at_level(logging.WARNING, "flume.worker"):
                await solo.client.enqueue_many(QUEUE, [handler.job(n) for n in range(10)])
                await wait_until_async(lambda: "rate_limit_slow" in caplog.messages, 30)
            taken = len(starts.taken)
            with pytest.raises(TimeoutError):  # a stretch of time is what is measured
                await asyncio.wait_for(asyncio.Event().wait(), 1.5)
            assert len(starts.taken) - taken < 10
            assert starts.at == []
            proxy.heal()
            await solo.until_empty()

    assert sorted(starts.runs) == [*range(10)]
    assert caplog.messages.count("rate_limit_slow") == 1
    (said,) = [record for record in caplog.records if record.message == "rate_limit_slow"]
    assert said.__dict__["took_ms"] >= 250
    assert said.__dict__["most_ms"] == 200
    assert fullest(starts.at) <= 20


async def test_who_asks_again_keeps_its_place_while_tokens_go_back(solo: Stage) -> None:
    """Told of later tokens each time, a busy worker would let those that it was told of lie."""
    with Starts() as starts:
        async with solo.working(named("a", starts.run), rate_limit=limit(40)) as worker:
            await wait_until_async(lambda: starts.taken and starts.in_use() == 0)
            limiter = worker._parts.limiter  # type: ignore[union-attr]
            place = Place()
            taken = await limiter.reserve(40)
            waits = [(await limiter.reserve(40, place=place)).grant.wait_ms]
            for _ in range(3):
                limiter.give_back(taken, 1)
                asked = await limiter.reserve(40, place=place)  # the other call is on its way
                await limiter.refunded()
                waits.append(asked.grant.wait_ms)

    assert taken.left == 40
    assert waits == sorted(waits, reverse=True)
