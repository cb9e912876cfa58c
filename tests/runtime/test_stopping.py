"""How a worker stops: what runs may finish, the rest goes back, nothing is charged."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from flume import current_job
from flume.errors import ServerRefusedError
from flume.runtime.worker import Worker, WorkerConfig
from tests.runtime.working import QUEUE, Stage, named
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until_async

pytestmark = pytest.mark.usefixtures("emptied")


async def test_what_runs_may_finish_within_the_grace(stage: Stage) -> None:
    """A deploy must not cut a mail in half."""
    started, finish = asyncio.Event(), asyncio.Event()

    async def send() -> None:
        started.set()
        await finish.wait()

    handler = named("send", send)
    async with stage.working(handler) as worker:
        await stage.client.enqueue(QUEUE, handler)
        await started.wait()
        worker.stop()
        await wait_until_async(lambda: not worker.is_ready)
        finish.set()
    counts = await stage.queue.counts()

    assert counts.totals["completed"] == 1


async def test_a_stopping_worker_claims_no_more(stage: Stage) -> None:
    """What comes after the signal is for others."""
    started, finish = asyncio.Event(), asyncio.Event()

    async def send() -> None:
        started.set()
        await finish.wait()

    handler = named("send", send)
    async with stage.working(handler) as worker:
        await stage.client.enqueue(QUEUE, handler)
        await started.wait()
        worker.stop()
        await stage.client.enqueue(QUEUE, handler)
        finish.set()
    counts = await stage.queue.counts()
    await stage.queue.purge()

    assert (counts.ready, counts.totals["completed"]) == (1, 1)


@pytest.mark.parametrize("is_async", [True, False])
async def test_what_outlasts_the_grace_goes_back_uncharged(stage: Stage, is_async: bool) -> None:
    """The next worker runs it as the same attempt: an orderly stop never costs a retry."""
    attempts: list[int] = []
    begun = threading.Event()
    release = threading.Event()

    async def hang_async() -> None:
        attempts.append(current_job().attempt)
        begun.set()
        if len(attempts) == 1:
            await asyncio.Event().wait()

    def hang() -> None:
        attempts.append(current_job().attempt)
        begun.set()
        if len(attempts) == 1:
            release.wait(20)

    handler = named("hang", hang_async if is_async else hang)
    async with stage.working(handler, grace_s=0.05) as worker:
        await stage.client.enqueue(QUEUE, handler)
        await wait_until_async(begun.is_set)
        worker.stop()
    async with stage.working(handler):
        counts = await stage.until_empty()
    release.set()

    assert attempts == [1, 1]
    assert counts.totals["completed"] == 1
    assert "retried" not in counts.totals


async def test_a_second_signal_gives_up_the_grace(stage: Stage) -> None:
    """Ctrl-C twice must not wait for a minute."""
    started = asyncio.Event()

    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    handler = named("hang", hang)
    async with asyncio.timeout(10), stage.working(handler, grace_s=600.0) as worker:
        await stage.client.enqueue(QUEUE, handler)
        await started.wait()
        worker.stop_soon(asyncio.get_running_loop())
        worker.stop_soon(asyncio.get_running_loop())
    counts = await stage.queue.counts()
    await stage.queue.purge()

    assert counts.ready == 1


async def test_lifespans_open_before_the_first_job_and_close_after_the_last(stage: Stage) -> None:
    """A pool must be there for each job, and closed in reverse order."""
    log: list[str] = []

    async def outer() -> AsyncIterator[None]:
        log.append("outer opens")
        yield
        log.append("outer closes")

    async def inner() -> AsyncIterator[None]:
        log.append("inner opens")
        yield
        log.append("inner closes")

    async def send() -> None:
        log.append("send")

    handler = named("send", send)
    await stage.client.enqueue(QUEUE, handler)
    async with stage.working(handler, lifespans=(outer, inner)):
        await stage.until_empty()

    assert log == ["outer opens", "inner opens", "send", "inner closes", "outer closes"]


async def test_a_worker_that_left_in_order_leaves_no_record(stage: Stage) -> None:
    """`flume workers` shows who is there, and its number is free again."""
    handler = named("send", _nothing)
    async with stage.working(handler) as worker:
        (seen,) = await stage.queue.workers()
        name = worker.id
    left = await stage.queue.workers()

    assert seen.id == name
    assert left == []


async def test_a_wrong_password_ends_the_worker_with_a_clear_error(stage: Stage) -> None:
    """Waiting would not help: a person must act."""
    handler = named("send", _nothing)
    config = stage.worker(handler).config
    url = stage.server.url.replace("redis://", "redis://nobody:secret@")
    worker = Worker(WorkerConfig(config.settings, config.loaded, url))

    with pytest.raises(ServerRefusedError) as refused:
        await worker.run()

    assert "secret" not in str(refused.value)


async def _nothing() -> None:
    pass


async def test_a_worker_that_redis_left_ends_all_the_same(
    stage: Stage, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tried to store its last outcome for as long as it lived: until it was killed."""
    monkeypatch.setattr("flume.runtime.ending.FLUSH_S", 0.2)
    monkeypatch.setattr("flume.runtime.registration.LEAVE_S", 0.2)
    started, finish = asyncio.Event(), asyncio.Event()

    async def send() -> None:
        started.set()
        await finish.wait()

    handler = named("send", send)
    config = replace(stage.worker(handler).config, url=proxy.url)
    worker = Worker(config)
    run = asyncio.Task(worker.run())
    await stage.client.enqueue(QUEUE, handler)
    await started.wait()
    proxy.refuse()
    finish.set()
    worker.stop()

    async with asyncio.timeout(10):
        await run
    stage.server.call("FLUSHALL")  # the job's lease has not ended yet
