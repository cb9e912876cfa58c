"""Back-pressure: how much a worker holds, how far it claims ahead, and what it gives back."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.runtime.working import QUEUE, Stage, named
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.usefixtures("emptied")


class Gate:
    """A handler that waits to be let through, and counts who is inside."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.inside = 0
        self.most = 0

    async def __call__(self, *_: Any) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.open.wait()
        self.inside -= 1

    def handler(self) -> Any:
        """Return the handler."""

        async def wait(*arguments: Any) -> None:
            await self(*arguments)

        return named("wait", wait)


async def test_a_worker_holds_no_more_than_its_max_demand(stage: Stage) -> None:
    """What it does not hold, others can run: fifty jobs wait, ten are taken."""
    gate = Gate()
    handler = gate.handler()
    async with stage.working(handler, max_demand=10) as worker:
        await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(50)])
        await wait_until_async(lambda: gate.inside == 10)
        counts = await stage.queue.counts()
        held = worker.metrics.held()
        gate.open.set()
        await stage.until_empty()

    assert (counts.running, counts.ready, held) == (10, 40, 10)
    assert gate.most == 10


async def test_long_jobs_are_not_claimed_ahead(stage: Stage) -> None:
    """Two places of a hundred: what could not start stays where an idle worker finds it."""
    gate = Gate()
    handler = gate.handler()
    async with stage.working(handler, max_demand=100, concurrency=2):
        await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(20)])
        await wait_until_async(lambda: gate.inside == 2)
        counts = await stage.until(lambda c: c.running == 2)
        gate.open.set()
        await stage.until_empty()

    assert counts.ready == 18


async def test_short_jobs_are_claimed_by_the_hundred(stage: Stage) -> None:
    """A call for each job would cost more than the job."""

    async def noop(_: int) -> None:
        pass

    handler = named("noop", noop)
    await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(5000)])
    async with stage.working(handler, max_demand=1000, concurrency=100) as worker:
        await stage.until_empty()

    claims = sum(worker.metrics.claim_jobs.counts)
    assert claims <= 40


async def test_what_cannot_start_soon_goes_back_to_the_head_of_its_list(stage: Stage) -> None:
    """A worker that was fast and becomes slow gives back within a moment what it had claimed.

    The first jobs are quick, so that it claims ahead; then one place is all there is, and taken.
    """
    gate = Gate()
    quick = asyncio.Event()

    async def mixed(number: int) -> None:
        if number >= 2000:
            quick.set()
            await gate()

    handler = named("mixed", mixed)
    await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(2200)])
    async with stage.working(handler, max_demand=500, concurrency=1):
        await quick.wait()
        counts = await stage.until(lambda c: c.running == 1 and c.ready == 199)
        entries = stage.server.call("LRANGE", "flume:{orders}:ready:mixed", 0, 0)
        gate.open.set()
        await stage.until_empty()

    assert counts.totals["completed"] == 2000
    assert gate.most == 1
    assert len(entries) == 1


async def test_a_blocked_event_loop_does_not_keep_jobs_that_others_could_run(
    stage: Stage,
) -> None:
    """The heartbeat's thread gives claimed jobs back while a handler holds the loop."""
    hold, held = threading.Event(), threading.Event()
    ran: list[int] = []

    async def mixed(number: int) -> None:
        ran.append(number)
        if number == 2000:
            held.set()
            hold.wait(20)

    handler = named("mixed", mixed)
    await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(2300)])
    blocked = stage.worker(handler, max_demand=500, concurrency=1)
    loops: list[asyncio.AbstractEventLoop] = []

    async def run_blocked() -> None:
        loops.append(asyncio.get_running_loop())
        await blocked.run()

    thread = threading.Thread(target=lambda: asyncio.run(run_blocked()))
    thread.start()
    await asyncio.to_thread(held.wait, 20)
    async with stage.working(handler, concurrency=1):
        await stage.until(lambda c: c.ready == 0)
        hold.set()
        await stage.until_empty()
    blocked.stop_soon(loops[0])
    await asyncio.to_thread(thread.join)

    assert sorted(ran) == list(range(2300))


async def test_both_kinds_of_handler_share_the_max_demand(stage: Stage) -> None:
    """A full lane of one kind must not leave the other asleep when it has room again."""
    done: list[str] = []

    async def slow() -> None:
        done.append("async")

    handlers = [named("slow", slow), named("plain", lambda: done.append("sync"))]
    async with stage.working(*handlers, max_demand=1):
        for _ in range(10):
            for handler in handlers:
                await stage.client.enqueue(QUEUE, handler)
        await stage.until_empty()

    assert sorted(done) == ["async"] * 10 + ["sync"] * 10


async def test_sync_handlers_run_at_once_in_as_many_threads_as_asked(stage: Stage) -> None:
    """Blocking calls overlap: all five are inside before one may leave."""
    barrier = threading.Barrier(5)
    handler = named("meet", lambda: barrier.wait(10))
    await stage.client.enqueue_many(QUEUE, [handler.job() for _ in range(5)])
    async with stage.working(handler, concurrency=5):
        counts = await stage.until_empty()

    assert counts.totals["completed"] == 5


async def test_an_idle_worker_makes_few_calls(stage: Stage) -> None:
    """Under five a second, also with both kinds of handler: no polling, and no load from replicas.

    Calls inside scripts are not counted: they cross no network.
    """
    sent = ("evalsha", "eval", "bzpopmin", "smembers", "sadd", "hgetall")

    def calls() -> int:
        stats = stage.server.call("INFO", "commandstats")
        return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in sent)

    handlers = [named("idle", _nothing), named("plain", lambda: None)]
    async with stage.working(*handlers):
        before = calls()
        with pytest.raises(TimeoutError):  # a stretch of time is what is measured
            await asyncio.wait_for(asyncio.Event().wait(), 4)
        made = calls() - before

    assert made / 4 < 5


async def _nothing() -> None:
    pass
