"""A running worker obeys the settings record of its queue."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from flume.keys import Keys
from flume.pipeline import PipelineSettings
from flume.runtime.worker import Worker
from tests.runtime.recorded import (
    BINDS_S,
    Gate,
    lanes_of,
    obeyed,
    write,
)
from tests.runtime.working import QUEUE, Stage, named
from tests.support.waiting import wait_until_async


class ThreadGate:
    """The same for a handler that blocks its thread."""

    def __init__(self) -> None:
        self.step = threading.Semaphore(0)
        self.lock = threading.Lock()
        self.running = self.most = 0

    def run(self, number: int) -> None:
        """Run."""
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.step.acquire(timeout=30)
        with self.lock:
            self.running -= 1


CHANGES: list[tuple[str, Any, Callable[[Worker], Any], Any]] = [
    ("max_demand", 7, lambda w: w._basis.demand.max_demand, 7),
    ("concurrency", 3, lambda w: [lane.places for lane in lanes_of(w)], [3, 3]),
    ("batch_size", 5, lambda w: [lane.settings.batch_size for lane in lanes_of(w)], [5, 5]),
    ("batch_timeout_ms", 9, lambda w: lanes_of(w)[0].settings.batch_timeout_ms, 9),
    ("bisect", False, lambda w: lanes_of(w)[0].settings.bisect, False),
    ("max_retries", 1, lambda w: w.live.current.max_retries, 1),
    ("backoff_initial_s", 2.5, lambda w: w.live.current.backoff_initial_s, 2.5),
    ("backoff_max_s", 9.0, lambda w: w.live.current.backoff_max_s, 9.0),
    ("max_crashes", 4, lambda w: w.live.current.max_crashes, 4),
    ("timeout_s", 5.0, lambda w: lanes_of(w)[1].settings.timeout_s, 5.0),
    ("lease_s", 12.0, lambda w: w._basis.identity.lease_ms, 12_000),
    ("dead_max_jobs", 8, lambda w: w.live.current.dead_max_jobs, 8),
    ("dead_max_age_s", 60.0, lambda w: w.live.current.dead_max_age_s, 60.0),
]


async def test_each_setting_changes_on_a_running_worker(stage: Stage) -> None:
    """None of them is worth a restart, which would cost running jobs their time."""

    async def asynchronous() -> None:
        """Do nothing."""

    def synchronous() -> None:
        """Do nothing."""

    async with stage.working(named("a", asynchronous), named("s", synchronous)) as worker:
        for field, value, look, expected in CHANGES:
            generation = await write(stage, **{field: value})
            await wait_until_async(
                lambda look=look, expected=expected: look(worker) == expected,  # type: ignore[misc]
                BINDS_S,
                what=field,
            )
            assert worker.live.generation == generation

    told = {field for field, *_ in CHANGES} | {"queue", "rate_limit", "paused"}
    assert told == set(PipelineSettings.__dataclass_fields__)


async def test_a_worker_reports_the_generation_that_it_runs(stage: Stage) -> None:
    """Whoever changes something sees when it holds everywhere."""

    async def nothing() -> None:
        """Do nothing."""

    async with stage.working(named("a", nothing)):
        await write(stage)
        generation = await write(stage, max_demand=5)

        async def reported() -> dict[str, Any]:
            (found,) = await stage.queue.workers()
            return found.record

        async with asyncio.timeout(BINDS_S):
            while (record := await reported())["generation"] != generation:
                pass
    assert (record["max_demand"], record["flags"], record["settings_problem"]) == (5, {}, "")


async def test_a_worker_tells_the_settings_that_no_record_tells(stage: Stage) -> None:
    """Its manifest, a default, or a record that is gone: nobody else can know."""

    async def nothing() -> None:
        """Do nothing."""

    seen: list[tuple[str, Any]] = []

    async def told(origin: str) -> None:
        async with asyncio.timeout(BINDS_S):
            while True:
                (found,) = await stage.queue.workers()
                if found.record["settings_from"] == origin:
                    own = found.record["settings"]
                    seen.append((origin, own and own["max_demand"]))
                    return

    async with stage.working(named("a", nothing), max_demand=6):
        await told("default")
        await write(stage, max_demand=5)
        await told("record")
        stage.server.call("DEL", Keys(QUEUE).settings)
        await told("lost record")

    assert seen == [("default", 6), ("record", None), ("lost record", 5)]


async def test_a_record_counts_from_the_first_claim_on(stage: Stage) -> None:
    """A worker that began with its own settings would hold ten times what it may, for a beat."""
    gate = Gate()
    await write(stage, max_demand=2, lease_s=20.0)
    await stage.client.enqueue_many(QUEUE, [named("a", gate.run).job(n) for n in range(50)])

    async with stage.working(named("a", gate.run), max_demand=40, lease_s=5.0) as worker:
        await wait_until_async(lambda: gate.running == 2)
        gate.open.set()
        await stage.until_empty()
    assert gate.most == 2
    assert worker.live.current.lease_s == 20.0


async def test_flags_win_over_the_record_for_their_worker(stage: Stage) -> None:
    """Whoever sets something on one worker means it, and a later edit must not undo it."""

    async def nothing() -> None:
        """Do nothing."""

    await write(stage, max_demand=5, max_retries=9)
    async with stage.working(named("a", nothing), flags={"max_demand": 50}) as worker:
        assert (worker.live.current.max_demand, worker.live.current.max_retries) == (50, 9)
        await write(stage, max_demand=6, max_retries=8)
        await obeyed(worker, max_retries=8)

        assert worker._basis.demand.max_demand == 50


async def test_max_demand_and_concurrency_grow_and_shrink_under_load(stage: Stage) -> None:
    """More is used at once; where it is less, what runs ends in its own time."""
    gate = Gate()
    job = named("a", gate.run)
    await stage.client.enqueue_many(QUEUE, [job.job(n) for n in range(60)])

    async with stage.working(job, max_demand=5) as worker:
        await wait_until_async(lambda: gate.running == 5)
        await write(stage, max_demand=30, concurrency=20)
        await wait_until_async(lambda: gate.running == 20, BINDS_S)
        await write(stage, max_demand=3)
        await obeyed(worker, max_demand=3)
        assert gate.running == 20
        gate.open.set()
        await stage.until_empty()

    counts = await stage.queue.counts()
    assert counts.totals["completed"] == 60
    assert counts.totals.get("reclaimed", 0) == 0


async def test_threads_grow_and_shrink_under_load(stage: Stage) -> None:
    """A thread that is one too many ends after its job, also where it was idle."""
    gate = ThreadGate()
    job = named("s", gate.run)
    await stage.client.enqueue_many(QUEUE, [job.job(n) for n in range(60)])

    async with stage.working(job, concurrency=2) as worker:
        await wait_until_async(lambda: gate.running == 2)
        await write(stage, concurrency=12)
        await wait_until_async(lambda: gate.running == 12, BINDS_S)
        await write(stage, concurrency=3)
        await obeyed(worker, concurrency=3)
        for _ in range(12):
            gate.step.release()
        await wait_until_async(lambda: gate.running == 3)
        gate.most = 3
        for _ in range(48):
            gate.step.release()
        await stage.until_empty()
        assert gate.most == 3

        await write(stage, concurrency=8)
        await obeyed(worker, concurrency=8)
        await stage.client.enqueue_many(QUEUE, [job.job(n) for n in range(8)])
        await wait_until_async(lambda: gate.running == 8)
        for _ in range(8):
            gate.step.release()
        await stage.until_empty()
        (lane,) = lanes_of(worker)
        await write(stage, concurrency=1)
        await wait_until_async(lambda: lane._threads == 1)  # type: ignore[attr-defined]


@pytest.mark.parametrize("first", [1.0, 60.0])
async def test_a_changed_lease_takes_no_job_from_who_runs_it(stage: Stage, first: float) -> None:
    """Jobs with the old lease and with the new one are held side by side, by two workers."""
    gate = Gate()
    job = named("a", gate.run)
    second = 61.0 - first
    await write(stage, lease_s=first)
    async with stage.working(job, max_demand=10) as one, stage.working(job, max_demand=10):
        await stage.client.enqueue_many(QUEUE, [job.job(n) for n in range(10)])
        await wait_until_async(lambda: gate.running == 10)
        for lease_s in (second, first, second):
            await write(stage, lease_s=lease_s)
            await stage.client.enqueue(QUEUE, job, 99)
            await obeyed(one, lease_s=lease_s)
        seen = (await stage.queue.workers())[0].seen
        async with asyncio.timeout(10):
            while ((await stage.queue.workers())[0].seen - seen).total_seconds() < 3:
                pass
        assert (one.metrics.leases_lost, one.metrics.reclaimed) == (0, 0)
        assert await deadlines(stage) == pytest.approx([second] * 13, abs=second / 2 + 0.7)
        gate.open.set()
        counts = await stage.until_empty()
    assert counts.totals["completed"] == 13
    assert counts.totals.get("reclaimed", 0) == 0


async def deadlines(stage: Stage) -> list[float]:
    """Return how many seconds each lease has to go."""
    call = stage.client._connections.call
    scores = (await call("ZRANGE", stage.queue._keys.running, 0, -1, "WITHSCORES"))[1::2]
    seconds, micros = await call("TIME")
    now = int(seconds) + int(micros) / 1e6
    return [int(float(score)) // 2**19 / 8 + 1735689600 - now for score in scores]


async def test_a_retry_goes_by_the_settings_of_its_end(stage: Stage) -> None:
    """What the edit said last is what the person who made it expects."""
    gate = Gate()

    async def fails(number: int) -> None:
        """Fail once it may."""
        await gate.run(number)
        raise ValueError

    async with stage.working(named("a", fails), max_retries=5) as worker:
        await stage.client.enqueue(QUEUE, named("a", fails), 1)
        await wait_until_async(lambda: gate.running == 1)
        await write(stage, max_retries=0)
        await obeyed(worker, max_retries=0)
        gate.open.set()
        assert (await stage.until(lambda counts: counts.dead)).retrying == 0


async def test_dead_jobs_are_pruned_by_the_settings_in_force(stage: Stage) -> None:
    """A cap that was lowered frees memory without a restart."""

    async def fails() -> None:
        """Fail."""
        raise ValueError

    job = named("a", fails)
    async with stage.working(job, max_retries=0) as worker:
        await stage.client.enqueue_many(QUEUE, [job.job() for _ in range(20)])
        await stage.until(lambda counts: counts.dead == 20)
        await write(stage, max_retries=0, dead_max_jobs=3)
        await obeyed(worker, dead_max_jobs=3)
        await stage.client._connections.call("HSET", stage.queue._keys.clock, "prune", 0)
        await stage.until(lambda counts: counts.dead == 3, timeout=5)
