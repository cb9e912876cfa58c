"""A rate limit is exact over workers, queues, retries and batches, and wastes no tokens."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import pytest

from flume import Batch, Retry, current_job
from flume.commands.limit import LONGEST_SLACK_MS, Grant, InForce
from flume.current import HeldJob
from flume.events import JobReleased, JobsClaimed, bus
from flume.keys import LimitKeys
from flume.pipeline import PipelineSettings
from flume.runtime.async_lane import AsyncLane
from flume.runtime.batch_lane import AsyncBatchLane
from flume.runtime.held_batch import in_batches
from flume.runtime.lane import Lane
from flume.runtime.limiter import Tokens
from flume.runtime.thread_lane import ThreadLane
from tests.runtime.batched import batched
from tests.runtime.limited import Starts, fullest, limit
from tests.runtime.recorded import write
from tests.runtime.working import QUEUE, Stage, named
from tests.support.waiting import wait_until_async

TOO_LATE_S = LONGEST_SLACK_MS / 1000 + 0.05


def test_the_fullest_window_is_found_wherever_it_begins() -> None:
    """What judges the other tests must not overlook a burst across a whole second."""
    assert fullest([0.9, 0.95, 1.0, 1.05, 1.92], 1.0) == 4
    assert fullest([0.0, 1.0, 2.0], 1.0) == 1


async def test_no_window_of_two_queues_with_two_workers_each_exceeds_a_shared_limit(
    stage: Stage,
) -> None:
    """By the handlers' own clock, by Redis' clock, and with retries, which are starts as well."""
    queues = ("left", "right")

    with Starts() as starts:

        async def first_fails(number: int) -> None:
            starts.note(number)
            if number % 10 == 0 and current_job().attempt == 1:
                raise Retry

        handlers = [named("a", first_fails), named("s", starts.run_sync)]
        async with AsyncExitStack() as stack:
            for queue in queues:
                jobs = [handlers[n % 2].job(n) for n in range(90)]
                await stage.client.enqueue_many(queue, jobs)
            for queue in queues * 2:
                working = stage.working(
                    *handlers, queue=queue, rate_limit=limit(100), backoff_initial_s=0.01
                )
                await stack.enter_async_context(working)
            await wait_until_async(lambda: len(starts.at) == 198, 6)
            for queue in queues:
                async with asyncio.timeout(3):
                    while (await stage.client.queue(queue).counts()).totals["completed"] < 90:
                        pass

    assert fullest(starts.at) <= 100
    assert fullest(starts.granted()) <= 100
    assert starts.in_use() == len(starts.at)


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_batch_counts_its_jobs_and_is_smaller_where_the_limit_is(
    stage: Stage, is_async: bool
) -> None:
    """A batch of ten with a limit of four would otherwise never start, or start six too many."""
    calls: list[int] = []
    with Starts() as starts:

        def run(batch: Batch[int]) -> None:
            starts.note(*batch.values)
            calls.append(len(batch))

        async def run_async(batch: Batch[int]) -> None:
            run(batch)

        handler = batched(run_async if is_async else run)
        await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(8)])
        async with stage.working(handler, batch_size=10, batch_timeout_ms=20, rate_limit=limit(4)):
            await stage.until_empty()

    assert (sorted(starts.runs), calls) == ([*range(8)], [4, 4])
    assert fullest(starts.at) <= 4
    assert starts.in_use() == 8


async def test_reruns_of_a_batch_wait_for_tokens(solo: Stage) -> None:
    """Halving is the handler called again: eight jobs with a bad one are starts many times over."""
    with Starts() as starts:

        async def run(batch: Batch[int]) -> None:
            starts.note(*batch.values)
            if 0 in batch.values:
                raise ValueError("zero")

        handler = batched(run)
        await solo.client.enqueue_many(QUEUE, [handler.job(n) for n in range(4)])
        async with solo.working(handler, batch_size=4, max_retries=0, rate_limit=limit(5)):
            counts = await solo.until_empty()
        await solo.queue.dead.purge()

    assert (counts.totals["completed"], len(starts.at)) == (3, 10)
    assert fullest(starts.at) <= 5


async def test_a_limit_lowered_below_a_batch_bounds_its_reruns(solo: Stage) -> None:
    """Parts that are larger than the limit are run in pieces, or it would be exceeded."""
    calls: list[tuple[float, int]] = []
    await write(solo, rate_limit=limit(8), batch_size=8)

    async def run(batch: Batch[int]) -> None:
        calls.append((time.monotonic(), len(batch)))
        if len(calls) == 1:
            await write(solo, rate_limit=limit(3), batch_size=8)
            await wait_until_async(lambda: worker.live.current.rate_limit == limit(3))
            raise ValueError("once")

    handler = batched(run)
    await solo.client.enqueue_many(QUEUE, [handler.job(n) for n in range(8)])
    async with solo.working(handler, batch_size=8) as worker:
        counts = await solo.until_empty()

    assert counts.totals["completed"] == 8
    assert [size for _, size in calls] == [8, 3, 1, 3, 1]
    assert fullest(at for at, size in calls[1:] for _ in range(size)) <= 3


def _lane(kind: type[Lane], ran: list[Any]) -> Lane:
    async def asynchronous(value: Any) -> None:
        ran.append(value)

    def synchronous(value: Any) -> None:
        ran.append(value)

    async def batch_of(batch: Batch[Any]) -> None:
        ran.extend(batch.values)

    made = {
        AsyncLane: named("work", asynchronous),
        ThreadLane: named("work", synchronous),
        AsyncBatchLane: batched(batch_of, "work"),
    }[kind]
    settings = PipelineSettings(QUEUE)
    return kind(QUEUE, {"work": made}, settings, places=4, ended=lambda *_: None)


@pytest.mark.parametrize("kind", [AsyncLane, ThreadLane, AsyncBatchLane])
async def test_each_lane_starts_no_job_whose_token_is_too_old(kind: type[Lane]) -> None:
    """A busy loop or a full pool may lie between the claim and the start: it would be exceeded."""
    ran: list[Any] = []
    late: list[HeldJob] = []
    lane = _lane(kind, ran)
    lane.on_late = late.append
    grant = Grant(9, 0, 0, 0, InForce(9, 1000, is_mismatch=False), 0)
    now = time.monotonic()
    old = Tokens(0, 0.0, now - 0.001, grant, LimitKeys("k"))
    fresh = Tokens(0, 0.0, now + 60, grant, LimitKeys("k"))
    for number, tokens in enumerate((old, fresh)):
        data = b'{"handler":"work","args":[%d]}' % number
        jobs = [HeldJob(b"%d" % number, data, 1, now, tokens=tokens)]
        in_batches(jobs, 1)
        if kind is not AsyncBatchLane:
            jobs[0].batch = None
        lane.offer(jobs)

    await wait_until_async(lambda: ran and late)
    lane.close()
    assert ([job.id for job in late], ran) == ([b"0"], [1])
    assert late[0].tokens is old  # and goes back with the job


async def test_a_job_behind_one_that_blocks_the_loop_runs_later_and_once(stage: Stage) -> None:
    """It was claimed in time; its token is too old once the loop runs again."""
    with Starts() as starts:

        async def first_blocks(number: int) -> None:
            starts.note(number)
            if number == 0:
                time.sleep(0.1)  # noqa: ASYNC251 - the mistake that this is about

        handler = named("a", first_blocks)
        await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(5)])
        async with stage.working(handler, rate_limit=limit(5)) as worker:
            await stage.until_empty()

    assert Counter(starts.runs) == Counter(range(5))
    assert fullest(starts.at) <= 5
    assert worker._basis.metrics.tokens_returned >= 4
    assert starts.in_use() == 5


async def test_jobs_that_wait_for_a_busy_thread_give_their_tokens_back(stage: Stage) -> None:
    """One thread, jobs claimed ahead at the pace of short ones, and then a long one."""
    with Starts() as starts:
        done = threading.Event()

        def run(number: int) -> None:
            starts.note(number)
            if number == 150:
                done.wait(0.15)

        handler = named("s", run)
        await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(300)])
        async with stage.working(handler, concurrency=1, rate_limit=limit(1000)) as worker:
            await stage.until_empty()

    assert Counter(starts.runs) == Counter(range(300))
    assert worker._basis.metrics.tokens_returned > 0
    assert starts.in_use() == 300


async def test_a_loop_that_is_blocked_after_a_claim_asks_for_fresh_tokens(stage: Stage) -> None:
    """The jobs are here and may not start with what they were claimed with."""
    with Starts() as starts:
        blocked: list[None] = []

        def block(_: JobsClaimed) -> None:
            if not blocked:
                blocked.append(None)
                time.sleep(0.1)

        released: list[JobReleased] = []
        unsubscribes = [
            bus.subscribe(JobsClaimed, block),
            bus.subscribe(JobReleased, released.append),
        ]
        handler = named("a", starts.run)
        await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(5)])
        async with stage.working(handler, rate_limit=limit(5)):
            await stage.until_empty()
        for unsubscribe in unsubscribes:
            unsubscribe()

    assert Counter(starts.runs) == Counter(range(5))
    assert fullest(starts.at) <= 5
    assert starts.in_use() == 5
    assert released == []  # they were held meanwhile


async def test_a_claim_with_all_tokens_that_were_asked_for_is_a_full_one(stage: Stage) -> None:
    """They were asked for before it was known how many jobs it may bring: the next one follows at
    once, or a limit that does not bind halves what a slow machine drains."""
    gate = asyncio.Event()
    handler = named("a", gate.wait)
    await stage.client.enqueue_many(QUEUE, [handler.job() for _ in range(20)])
    async with stage.working(handler, max_demand=1, rate_limit=limit(1000)) as worker:
        await wait_until_async(lambda: len(worker._basis.demand.held) == 1)
        (fetcher,) = worker._parts.fetchers  # type: ignore[union-attr]
        fence = worker._basis.identity.next_fence()
        await fetcher._allowance.take(5, step=1, goes_on=True)

        haul = await fetcher._claim_limited(fence, 8, 1, goes_on=False)

        assert haul.claimed is not None
        assert len(haul.claimed.ids) == haul.asked == 5
        gate.set()


async def test_what_cannot_be_read_uses_no_token(stage: Stage) -> None:
    """It is buried without a start."""
    with Starts() as starts:
        handler = named("a", starts.run)
        jobs = [handler.job(n) for n in range(3)]
        await stage.client.enqueue_many(QUEUE, jobs)
        stage.server.call("HSET", stage.queue._keys.jobs, jobs[1].id, "garbage")
        async with stage.working(handler, rate_limit=limit(3)):
            await stage.until_empty()
        await stage.queue.dead.purge()

    assert starts.runs == [0, 2]
    assert starts.in_use() == 2


async def test_a_stop_gives_tokens_to_others_at_once(stage: Stage) -> None:
    """A period of a minute, and nine of ten tokens in a worker that leaves."""
    gate = asyncio.Event()
    with Starts() as starts:

        async def hold(number: int) -> None:
            starts.note(number)
            if not gate.is_set():
                gate.set()
                time.sleep(TOO_LATE_S)  # noqa: ASYNC251 - the other tokens are too old by then
                worker.stop()

        handler = named("a", hold)
        settings: dict[str, Any] = {"rate_limit": limit(10, period_s=60)}
        async with stage.working(handler, **settings) as worker:
            await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(10)])
            await gate.wait()
        assert starts.in_use() == len(starts.at) == 1
        async with stage.working(handler, **settings):
            await stage.until_empty(5)

    assert Counter(starts.runs) == Counter(range(10))
    assert starts.in_use() == 10
