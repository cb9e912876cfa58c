"""What becomes of a job: returned, raised, retried, discarded, timed out, unreadable."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest

from flume import Discard, JobState, Retry, current_job
from tests.runtime.working import QUEUE, Stage, named

pytestmark = pytest.mark.usefixtures("emptied")


async def test_a_handler_that_returns_completes_its_job(stage: Stage) -> None:
    """The plain case: it ran once, with its arguments, and nothing of it is left."""
    seen: list[tuple[str, str]] = []

    async def send(to: str, *, subject: str) -> None:
        seen.append((to, subject))

    handler = named("send", send)
    async with stage.working(handler):
        await stage.client.enqueue(QUEUE, handler, "ada", subject="Hi")
        counts = await stage.until(lambda c: c.totals.get("completed"))

    assert seen == [("ada", "Hi")]
    assert counts.totals["completed"] == 1


async def test_a_sync_handler_runs_in_a_thread_of_its_own(stage: Stage) -> None:
    """Blocking calls must not hold the event loop, which keeps everything else going."""
    names: list[str] = []
    handler = named("block", lambda: names.append(threading.current_thread().name))

    async with stage.working(handler):
        await stage.client.enqueue(QUEUE, handler)
        await stage.until(lambda c: c.totals.get("completed"))

    assert names[0].startswith("flume-handler")


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_failed_job_runs_again_until_its_retries_are_used_up(
    stage: Stage, is_async: bool
) -> None:
    """max_retries counts the runs after the first, and the last error stays with the job."""
    attempts: list[int] = []

    def fail() -> None:
        attempts.append(current_job().attempt)
        raise ValueError(f"attempt {len(attempts)}")

    async def fail_async() -> None:
        fail()

    handler = named("fail", fail_async if is_async else fail)
    async with stage.working(handler, max_retries=2, backoff_initial_s=0.01):
        job = await stage.client.enqueue(QUEUE, handler)
        counts = await stage.until(lambda c: c.dead)
    info = await stage.queue.job(job.id)
    await stage.queue.dead.purge()

    assert attempts == [1, 2, 3]
    assert counts.totals["retried"] == 2
    assert info.state is JobState.DEAD
    assert info.attempts == 3
    assert "ValueError: attempt 3" in (info.error or "")


async def test_retry_waits_as_long_as_the_handler_asks(stage: Stage) -> None:
    """A vendor's Retry-After counts, not the pipeline's back-off of ten minutes."""
    runs: list[int] = []

    async def throttled() -> None:
        runs.append(current_job().attempt)
        if len(runs) == 1:
            raise Retry("vendor is busy", after=timedelta(milliseconds=10))

    handler = named("throttled", throttled)
    async with stage.working(handler, backoff_initial_s=600.0):
        await stage.client.enqueue(QUEUE, handler)
        counts = await stage.until(lambda c: c.totals.get("completed"))

    assert runs == [1, 2]
    assert counts.totals["retried"] == 1


async def test_discard_drops_a_job_or_buries_it_at_once(stage: Stage) -> None:
    """Neither runs again, and only the buried one is kept, with its reason."""

    async def give_up(bury: bool) -> None:
        raise Discard("no such mailbox", bury=bury)

    handler = named("give_up", give_up)
    async with stage.working(handler):
        await stage.client.enqueue(QUEUE, handler, False)
        await stage.client.enqueue(QUEUE, handler, True)
        counts = await stage.until(lambda c: c.dead and c.totals.get("discarded"))
    (dead,) = await stage.queue.dead.list()
    await stage.queue.dead.purge()

    assert counts.dead == counts.totals["discarded"] == 1
    assert dead.error == "Discard: no such mailbox"


async def test_options_of_the_job_count_before_the_handlers_and_the_pipelines(
    stage: Stage,
) -> None:
    """using(max_retries=0) buries at once what the handler would run three times."""

    async def fail() -> None:
        raise ValueError

    handler = named("fail", fail, max_retries=2)
    async with stage.working(handler, max_retries=5, backoff_initial_s=0.01):
        strict = await stage.client.enqueue(QUEUE, handler.using(max_retries=0))
        lax = await stage.client.enqueue(QUEUE, handler)
        await stage.until(lambda c: c.dead == 2)
    found = [await stage.queue.job(job.id) for job in (strict, lax)]
    await stage.queue.dead.purge()

    assert [info.attempts for info in found] == [1, 3]


async def test_an_async_job_past_its_timeout_is_cancelled_and_charged(stage: Stage) -> None:
    """The handler sees a cancellation, the job a JobTimeoutError."""
    cancelled = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    handler = named("hang", hang, timeout=timedelta(milliseconds=50), max_retries=0)
    async with stage.working(handler):
        await stage.client.enqueue(QUEUE, handler)
        await stage.until(lambda c: c.dead)
    (dead,) = await stage.queue.dead.list()
    await stage.queue.dead.purge()

    assert cancelled.is_set()
    assert "longer than its timeout of 0.05 s" in (dead.error or "")


async def test_a_timeout_says_where_the_handler_stood(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of its calls hangs is the whole question, and the job's line had an empty answer."""
    monkeypatch.setattr("flume.origin._app", {__name__.partition(".")[0]})
    event = asyncio.Event()

    async def hang() -> None:
        await event.wait()

    handler = named("hang", hang, timeout=timedelta(milliseconds=50), max_retries=0)
    async with stage.working(handler):
        await stage.client.enqueue(QUEUE, handler)
        await stage.until(lambda c: c.dead)
    (dead,) = await stage.queue.dead.list()
    await stage.queue.dead.purge()

    (line,) = [record for record in caplog.records if record.message == "job_buried"]
    number = hang.__code__.co_firstlineno + 1
    assert line.__dict__["where"] == f"test_outcomes.py:{number} hang"
    assert "await event.wait()" in (dead.error or "")


async def test_a_sync_job_past_its_timeout_is_told(stage: Stage) -> None:
    """A thread cannot be stopped, but it can ask, and then its error is the timeout."""

    def wait_to_be_told() -> None:
        job = current_job()
        while not job.is_cancelled:
            threading.Event().wait(0.005)
        raise RuntimeError("told")

    handler = named("wait", wait_to_be_told, timeout=timedelta(milliseconds=50), max_retries=0)
    async with stage.working(handler):
        await stage.client.enqueue(QUEUE, handler)
        await stage.until(lambda c: c.dead)
    (dead,) = await stage.queue.dead.list()
    await stage.queue.dead.purge()

    assert "longer than its timeout" in (dead.error or "")


async def test_a_job_that_cannot_be_read_is_buried_with_its_bytes(stage: Stage) -> None:
    """What somebody else wrote is kept as it is, for a person to look at."""
    handler = named("send", _nothing)
    job = await stage.client.enqueue(QUEUE, handler)
    stage.server.call("HSET", "flume:{orders}:jobs", job.id, '{"handler":"send","args":7}')

    async with stage.working(handler):
        await stage.until(lambda c: c.dead)
    (dead,) = await stage.queue.dead.list()
    await stage.queue.dead.purge()

    assert dead.raw == b'{"handler":"send","args":7}'
    assert dead.handler == ""


async def test_a_job_whose_handler_no_worker_knows_waits(stage: Stage) -> None:
    """During a deploy old workers leave new jobs alone, where everybody can see them."""
    known, unknown = named("old", _nothing), named("new", _nothing)

    async with stage.working(known):
        await stage.client.enqueue(QUEUE, unknown)
        await stage.client.enqueue(QUEUE, known)
        counts = await stage.until(lambda c: c.totals.get("completed"))
        waiting = counts.handlers["new"].depth
        async with stage.working(unknown):
            await stage.until_empty()

    assert waiting == 1


async def test_exiting_from_a_handler_is_a_failure_like_any_other(stage: Stage) -> None:
    """sys.exit() in a library must not end a worker that runs other jobs."""

    async def leave() -> None:
        raise SystemExit(3)

    def leave_thread() -> None:
        raise SystemExit(3)

    handlers = [named("leave", leave), named("leave_thread", leave_thread)]
    async with stage.working(*handlers, max_retries=0):
        for handler in handlers:
            await stage.client.enqueue(QUEUE, handler)
        await stage.until(lambda c: c.dead == 2)
    await stage.queue.dead.purge()


async def test_a_cancelled_running_job_is_stopped_and_forgotten(stage: Stage) -> None:
    """Its handler is cancelled at the next extension, a third of the lease away at most."""
    started, stopped = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    handler = named("hang", hang)
    async with stage.working(handler, lease_s=1.0):
        job = await stage.client.enqueue(QUEUE, handler)
        await started.wait()
        cancelled = await stage.queue.cancel(job.id)
        async with asyncio.timeout(5):
            await stopped.wait()
        await stage.until_empty()

    assert cancelled == [job.id]


async def _nothing() -> None:
    pass
