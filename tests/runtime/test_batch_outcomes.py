"""What becomes of the jobs of a batch: each has an outcome of its own."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from flume import Batch, Discard, Job, Retry
from flume.runtime.batch_lane import BatchLane
from tests.runtime.batched import Digest, batched
from tests.runtime.recorded import lanes_of
from tests.runtime.working import QUEUE, Stage
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.usefixtures("emptied")

each_kind = pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])


def forget_lease(stage: Stage, *jobs: Job) -> None:
    """Do at once what happens to cancelled jobs when their leases have ended."""
    stage.server.call("ZREM", "flume:{orders}:running", *(job.id for job in jobs))


@each_kind
async def test_only_the_job_that_fails_by_itself_is_charged(stage: Stage, is_async: bool) -> None:
    """One bad job of 64 is found in two calls for each halving; the others complete."""
    digest = Digest(37)
    handler = digest.handler(is_async=is_async)
    jobs = await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(64)])
    async with stage.working(handler, batch_size=64, max_retries=0):
        counts = await stage.until_empty()
    dead = await stage.queue.jobs("dead")

    assert (counts.totals["completed"], counts.dead) == (63, 1)
    assert counts.totals.get("retried", 0) == 0
    assert len(digest.calls) - 1 <= 12
    assert [job.id for job in dead] == [jobs[37].id]
    assert (dead[0].attempts, dead[0].error is not None) == (1, True)
    await stage.queue.dead.purge()


async def test_without_bisecting_all_are_charged(stage: Stage) -> None:
    """For handlers of which a part would do no better than the whole."""
    digest = Digest(3)
    handler = digest.handler()
    await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(8)])
    async with stage.working(handler, batch_size=8, bisect=False, backoff_initial_s=100):
        counts = await stage.until(lambda c: c.retrying == 8)
        waiting = await stage.queue.jobs("retrying")
        await stage.queue.purge("retrying")

    assert len(digest.calls) == 1
    assert counts.totals["retried"] == 8
    assert {job.attempts for job in waiting} == {1}


@each_kind
async def test_single_jobs_end_as_the_handler_says(stage: Stage, is_async: bool) -> None:
    """The rest of the batch completes."""

    def settle(batch: Batch[str]) -> None:
        said = {job.value: job for job in batch}
        batch.fail(said["fails"], ValueError("no mailbox"))
        batch.retry(said["waits"], after=timedelta(hours=1))
        batch.discard(said["drops"], reason="unsubscribed")
        batch.discard(said["buries"], reason="unknown", bury=True)
        batch.complete(said["completes"])

    async def settle_async(batch: Batch[str]) -> None:
        settle(batch)

    handler = batched(settle_async if is_async else settle)
    values = ["fails", "waits", "drops", "buries", "completes", "else"]
    await stage.client.enqueue_many(QUEUE, [handler.job(value) for value in values])
    async with stage.working(handler, batch_size=6, backoff_initial_s=100):
        counts = await stage.until(lambda c: not c.running and c.retrying == 2)
        retrying = {job.args[0]: job for job in await stage.queue.jobs("retrying")}
        (dead,) = await stage.queue.jobs("dead")
        await stage.queue.purge("retrying")
        await stage.queue.dead.purge()

    assert (counts.totals["completed"], counts.totals["discarded"], counts.dead) == (2, 1, 1)
    assert set(retrying) == {"fails", "waits"}
    assert "no mailbox" in (retrying["fails"].error or "")
    assert dead.args == ["buries"]
    assert dead.error == "Discard: unknown"


async def test_what_was_said_before_the_handler_raised_holds(stage: Stage) -> None:
    """Such jobs are not run again with the halves."""
    calls: list[list[int]] = []

    async def digest(batch: Batch[int]) -> None:
        calls.append(batch.values)
        for job in batch:
            if job.value == 5:
                raise ValueError("five")
            batch.complete(job)

    handler = batched(digest)
    await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(8)])
    async with stage.working(handler, batch_size=8, max_retries=0):
        counts = await stage.until_empty()
        await stage.queue.dead.purge()

    assert calls == [[*range(8)], [5], [6, 7]]
    assert (counts.totals["completed"], counts.totals["buried"]) == (7, 1)


@pytest.mark.parametrize(
    ("error", "state"),
    [(Retry(after=timedelta(hours=1)), "retrying"), (Discard(bury=True), "dead")],
)
async def test_steering_is_for_the_whole_batch(stage: Stage, error: Exception, state: str) -> None:
    """Nothing has failed, so there is nothing to search for in halves."""
    calls: list[int] = []

    async def digest(batch: Batch[int]) -> None:
        calls.append(len(batch))
        raise error

    handler = batched(digest)
    await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(8)])
    async with stage.working(handler, batch_size=8):
        counts = await stage.until(lambda c: getattr(c, state) == 8)
        await stage.queue.purge("retrying")
        await stage.queue.dead.purge()

    assert calls == [8]
    assert counts.running == 0


async def test_an_undecodable_member_is_buried_and_the_rest_runs(stage: Stage) -> None:
    """Nobody can run it, and its neighbours have nothing to do with that."""
    digest = Digest()
    handler = digest.handler()
    jobs = await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(10)])
    stage.server.call("HSET", "flume:{orders}:jobs", jobs[4].id, '{"handler":"digest",')
    async with stage.working(handler, batch_size=10):
        counts = await stage.until_empty()
        dead = await stage.queue.jobs("dead")
        await stage.queue.dead.purge()

    assert digest.calls == [[0, 1, 2, 3, 5, 6, 7, 8, 9]]
    assert counts.totals["completed"] == 9
    assert [job.id for job in dead] == [jobs[4].id]
    assert dead[0].raw == b'{"handler":"digest",'


async def test_a_cancelled_member_of_a_running_batch_changes_nothing_for_the_rest(
    stage: Stage,
) -> None:
    """Its outcome is refused, and theirs count; the handler can see it meanwhile."""
    seen: list[list[bool]] = []
    going, go_on = asyncio.Event(), asyncio.Event()

    async def digest(batch: Batch[int]) -> None:
        going.set()
        await go_on.wait()
        seen.append([job.is_cancelled for job in batch])

    handler = batched(digest)
    jobs = await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(4)])
    async with stage.working(handler, batch_size=4, lease_s=2.0) as worker:
        await going.wait()
        await stage.client.queue(QUEUE).cancel(jobs[1].id)
        await wait_until_async(lambda: worker.metrics.leases_lost == 1)
        go_on.set()
        counts = await stage.until(lambda c: c.totals.get("completed") == 3)
    forget_lease(stage, jobs[1])

    assert seen == [[False, True, False, False]]
    assert counts.ready == counts.retrying == 0


async def test_a_batch_all_of_whose_jobs_are_lost_is_stopped(stage: Stage) -> None:
    """Nobody waits for what it does."""
    going, ended = asyncio.Event(), asyncio.Event()

    async def digest(batch: Batch[int]) -> None:
        going.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    handler = batched(digest)
    jobs = await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(3)])
    async with stage.working(handler, batch_size=3, lease_s=2.0) as worker:
        await going.wait()
        for job in jobs:
            await stage.client.queue(QUEUE).cancel(job.id)
        await ended.wait()
        await wait_until_async(lambda: worker.metrics.running() == 0)
        assert worker.metrics.held() == 0
    forget_lease(stage, *jobs)


async def test_a_stop_gives_back_the_members_uncharged(stage: Stage) -> None:
    """The call under way, and the halves that were still to be run."""
    going = asyncio.Event()
    calls: list[int] = []

    async def digest(batch: Batch[int]) -> None:
        calls.append(len(batch))
        if len(batch) == 8:
            raise ValueError("look in the halves")
        going.set()
        await asyncio.Event().wait()

    handler = batched(digest)
    await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(8)])
    async with stage.working(handler, batch_size=8, grace_s=0.1):
        await going.wait()
    counts = await stage.queue.counts()
    ready = await stage.queue.jobs("ready")
    await stage.queue.purge("ready")

    assert calls == [8, 4]
    assert (counts.ready, counts.running, counts.retrying) == (8, 0, 0)
    assert {job.attempts for job in ready} == {0}


async def test_a_batch_past_its_timeout_is_halved_too(stage: Stage) -> None:
    """One job that hangs is found like one that raises; each call has the whole timeout."""
    calls: list[list[int]] = []

    async def digest(batch: Batch[int]) -> None:
        calls.append(batch.values)
        if 2 in batch.values:
            await asyncio.Event().wait()

    handler = batched(digest, timeout=timedelta(milliseconds=100))
    await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(4)])
    async with stage.working(handler, batch_size=4, max_retries=0):
        counts = await stage.until_empty()
        (dead,) = await stage.queue.jobs("dead")
        await stage.queue.dead.purge()

    assert calls == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]]
    assert counts.totals["completed"] == 3
    assert "JobTimeoutError" in (dead.error or "")


async def test_reruns_ask_for_their_starts(stage: Stage) -> None:
    """A rate limit counts them: each half is announced with its number of jobs."""
    digest = Digest(0)
    handler = digest.handler()
    asked: list[int] = []

    async def ask(starts: int) -> int:
        asked.append(starts)
        return starts

    async with stage.working(handler, batch_size=4, max_retries=0) as worker:
        (lane,) = lanes_of(worker)
        assert isinstance(lane, BatchLane)
        lane.before_rerun = ask
        await stage.client.enqueue_many(QUEUE, [handler.job(n) for n in range(4)])
        await stage.until_empty()
    await stage.queue.dead.purge()

    assert asked == [2, 1, 1, 2]
