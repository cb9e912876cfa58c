"""Batches on a real server: when they are full, and what is in them."""

from __future__ import annotations

import asyncio
import time

import pytest

from flume import Batch, FlumeError, current_job
from tests.runtime.batched import Digest, batched
from tests.runtime.working import QUEUE, Stage, named
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.usefixtures("emptied")

each_kind = pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])


@each_kind
async def test_a_call_gets_a_full_batch(stage: Stage, is_async: bool) -> None:
    """In the order in which they were enqueued, and the rest when its time is up."""
    digest = Digest()
    handler = digest.handler(is_async=is_async)
    await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(25)])
    async with stage.working(handler, batch_size=10, batch_timeout_ms=50) as worker:
        counts = await stage.until_empty()

    assert sorted(digest.calls) == [[*range(10)], [*range(10, 20)], [*range(20, 25)]]
    assert counts.totals["completed"] == 25
    assert sum(worker.metrics.batch_jobs.counts) == 3


async def test_jobs_of_two_handlers_are_never_together(stage: Stage) -> None:
    """Also where they were enqueued in turns."""
    one, two = Digest(), Digest()
    handlers = [one.handler(), batched(two.handler().function, "report")]
    jobs = [handlers[n % 2].job(n) for n in range(40)]
    await stage.client.enqueue_many(QUEUE, jobs)
    async with stage.working(*handlers, batch_size=10):
        await stage.until_empty()

    assert one.calls == [[*range(0, 20, 2)], [*range(20, 40, 2)]]
    assert two.calls == [[*range(1, 20, 2)], [*range(21, 40, 2)]]


async def test_a_worker_holds_no_more_batches_than_its_max_demand(stage: Stage) -> None:
    """A batch is one unit of it, however many jobs it has."""
    gate = asyncio.Event()

    async def digest(_: Batch[int]) -> None:
        await gate.wait()

    handler = batched(digest)
    await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(20)])
    async with stage.working(handler, batch_size=10, max_demand=5, concurrency=50) as worker:
        await wait_until_async(lambda: worker.metrics.running() == 2)
        await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(180)])
        await wait_until_async(lambda: worker.metrics.running() == 5)
        counts = await stage.until(lambda c: c.running == 50)
        gate.set()
        await stage.until_empty()

    assert counts.ready == 150


async def test_a_full_batch_does_not_wait_for_its_time(stage: Stage) -> None:
    """It runs as soon as its last job has come, though an open batch was looked at before."""
    digest = Digest()
    handler = digest.handler()
    async with stage.working(handler, batch_size=3, batch_timeout_ms=60_000):
        for number in range(3):
            await stage.client.enqueue(QUEUE, handler, number)
        await stage.until_empty(timeout=2.0)

    assert digest.calls == [[0, 1, 2]]


async def test_an_open_batch_closes_on_time(stage: Stage) -> None:
    """Its time is kept by the worker: the server's own ends of blocks come in steps."""
    digest = Digest()
    handler = digest.handler()
    async with stage.working(handler, batch_size=10, batch_timeout_ms=250) as worker:
        started = time.monotonic()
        await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(3)])
        await wait_until_async(lambda: digest.calls)
        waited = time.monotonic() - started
        claims = sum(worker.metrics.claim_jobs.counts)

    assert digest.calls == [[0, 1, 2]]
    assert 0.249 <= waited < 0.5
    assert claims == 1


async def test_jobs_that_trickle_in_do_not_cost_a_claim_each(stage: Stage) -> None:
    """Two hundred jobs of an open batch are looked at a few times, not two hundred."""
    digest = Digest()
    handler = digest.handler()
    async with stage.working(handler, batch_size=1000, batch_timeout_ms=400):
        with stage.server.watched(also_clients=True) as calls:
            for number in range(200):
                await stage.client.enqueue(QUEUE, handler, number)
            await wait_until_async(lambda: sum(map(len, digest.calls)) == 200)
        await stage.until_empty()
    looks = sum(call[0].upper() == "BZPOPMIN" for call in calls)

    assert 0 < looks <= 60


async def test_a_batch_handler_has_no_current_job(stage: Stage) -> None:
    """The error says where to look instead."""
    errors: list[str] = []

    async def digest(batch: Batch[int]) -> None:
        with pytest.raises(FlumeError) as caught:
            current_job()
        errors.append(str(caught.value))

    handler = batched(digest)
    await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(2)])
    async with stage.working(handler, batch_size=2):
        await stage.until_empty()

    assert "a batch of 2 job(s) runs here" in errors[0]


async def test_a_single_handler_of_a_pipeline_with_batches_runs_single_jobs(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, because the pipeline's author may have meant something else."""
    ran: list[int] = []

    async def note(number: int) -> None:
        ran.append(number)

    handler = named("note", note)
    await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(3)])
    async with stage.working(handler, batch_size=10):
        await stage.until_empty()
    said = [record for record in caplog.records if record.message == "handlers_without_batches"]

    assert ran == [0, 1, 2]
    assert len(said) == 1
    assert said[0].handlers == ["note"]  # type: ignore[attr-defined]
