"""Rate limits change while workers run, pipelines may differ, and Redis may hold garbage."""

from __future__ import annotations

import asyncio
import time

import pytest

from flume.keys import LimitKeys
from flume.pipeline import RateLimit
from tests.runtime.limited import Starts, fullest, limit
from tests.runtime.recorded import write
from tests.runtime.working import QUEUE, Stage, named
from tests.support.waiting import wait_until_async

SHARED = LimitKeys("shared")


async def _change(stage: Stage, now: RateLimit | None) -> None:
    await write(stage, rate_limit=now)


@pytest.mark.parametrize("now", [limit(40), None, limit(40, "other"), limit(40, None)])
async def test_a_limit_that_is_raised_removed_or_changed_to_another_key_binds_within_two_seconds(
    solo: Stage, now: RateLimit | None
) -> None:
    """Who waits for the end of an hour must hear of it."""
    with Starts() as starts:
        handler = named("a", starts.run)
        await write(solo, rate_limit=limit(2, period_s=3600))
        await solo.client.enqueue_many(QUEUE, [handler.job(n) for n in range(20)])
        async with solo.working(handler):
            await wait_until_async(lambda: len(starts.at) == 2)
            began = time.monotonic()
            await _change(solo, now)
            await solo.until(lambda c: c.totals.get("completed", 0) >= 20, 3)
            took = time.monotonic() - began

    assert took < 2
    assert sorted(starts.runs) == [*range(20)]


async def test_a_lower_limit_binds_at_the_next_claim(solo: Stage) -> None:
    """Whoever lowers it has a vendor that complains."""
    with Starts() as starts:
        handler = named("a", starts.run)
        await write(solo, rate_limit=limit(50))
        await solo.client.enqueue_many(QUEUE, [handler.job(n) for n in range(90)])
        async with solo.working(handler) as worker:
            await wait_until_async(lambda: len(starts.at) == 50)
            await _change(solo, limit(10))
            await wait_until_async(lambda: worker.live.current.rate_limit == limit(10), 2)
            seen = len(starts.at)
            await wait_until_async(lambda: len(starts.at) >= 70, 5)
            await _change(solo, None)
            await solo.until_empty()

    assert fullest(starts.at[seen:70]) <= 10
    assert fullest(starts.at[:seen]) <= 50


async def test_the_strictest_of_two_pipelines_holds_and_the_other_says_so_once(
    solo: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """A shared limit is changed in one manifest after the other: the lower one counts."""
    with Starts() as starts:
        handler = named("a", starts.run)
        for queue in ("strict", "loose"):
            await solo.client.enqueue_many(queue, [handler.job(n) for n in range(15)])
        async with (
            solo.working(handler, queue="strict", rate_limit=limit(10)),
            solo.working(handler, queue="loose", rate_limit=limit(1000)),
        ):
            await wait_until_async(lambda: len(starts.at) == 30, 6)
            shown = solo.client.queue("loose")
            async with asyncio.timeout(3):
                while not (record := (await shown.workers())[0].record).get("limit_in_force"):
                    pass

    assert fullest(starts.at[10:]) <= 10  # those before may have begun before the other was there
    assert record["limit_in_force"]["count"] == 10
    assert record["limit_in_force"]["is_mismatch"] is True
    said = [r.__dict__ for r in caplog.records if r.message == "rate_limit_mismatched"]
    assert [(one["queue"], one["own_count"], one["count"]) for one in said] == [("loose", 1000, 10)]


@pytest.mark.parametrize("key", [SHARED.ring, SHARED.callers, SHARED.senders])
async def test_a_foreign_key_in_the_limiters_place_is_said_once_and_gone_on_after(
    solo: Stage, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No job starts without a token, the worker lives, and a DEL is all that is needed."""
    solo.server.call("LPUSH", key, "foreign")
    with Starts() as starts:
        handler = named("a", starts.run)
        await solo.client.enqueue_many(QUEUE, [handler.job(n) for n in range(3)])
        async with solo.working(handler, rate_limit=limit(3)):
            await wait_until_async(lambda: "rate_limit_refused" in caplog.messages)
            with pytest.raises(TimeoutError):  # a second try has been refused too
                await wait_until_async(lambda: starts.at, 1.2)
            solo.server.call("DEL", key)
            await solo.until_empty(3)

    assert sorted(starts.runs) == [0, 1, 2]
    assert caplog.messages.count("rate_limit_refused") == 1


@pytest.mark.parametrize("garbage", ["", "fl2:", "x" * 1348, "\x00" * 5000])
async def test_garbage_in_the_limiters_values_begins_a_new_window(
    solo: Stage, garbage: str
) -> None:
    """They can be read in no other way, and a queue that stands still is no answer."""
    solo.server.call("SET", SHARED.ring, garbage)
    solo.server.call("HSET", SHARED.callers, QUEUE, garbage, "another", garbage)
    solo.server.call("HSET", SHARED.senders, "lane", garbage)
    with Starts() as starts:
        handler = named("a", starts.run)
        await solo.client.enqueue_many(QUEUE, [handler.job(n) for n in range(8)])
        async with solo.working(handler, rate_limit=limit(5)):
            await solo.until_empty()

    assert sorted(starts.runs) == [*range(8)]
    assert fullest(starts.at) <= 5


async def test_a_lost_key_begins_a_new_window(solo: Stage) -> None:
    """Documented: the limit holds again from there on, and nobody waits for what is not there."""
    with Starts() as starts:
        handler = named("a", starts.run)
        await solo.client.enqueue_many(QUEUE, [handler.job(n) for n in range(10)])
        async with solo.working(handler, rate_limit=limit(5, period_s=3600)):
            await wait_until_async(lambda: len(starts.at) == 5)
            solo.server.call("DEL", SHARED.ring, SHARED.callers, SHARED.senders)
            await solo.until_empty(3)

    assert sorted(starts.runs) == [*range(10)]


async def test_pipelines_that_come_and_go_leave_the_limit_as_it_is(solo: Stage) -> None:
    """A worker that leaves takes no history with it, and one that comes finds it."""
    with Starts() as starts:
        handler = named("a", starts.run)
        for queue in ("first", "second"):
            await solo.client.enqueue_many(queue, [handler.job(n) for n in range(40)])
        for turn in range(1, 5):
            queue = ("first", "second")[turn % 2]
            async with solo.working(handler, queue=queue, rate_limit=limit(20)):
                await wait_until_async(lambda turn=turn: len(starts.at) >= 15 * turn, 3)  # type: ignore[misc]
        for queue in ("first", "second"):
            await solo.client.queue(queue).purge("ready")

    assert fullest(starts.at) <= 20
