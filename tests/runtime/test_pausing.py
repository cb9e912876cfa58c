"""Pausing and resuming: what a client asks for, and what workers make of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from flume import events
from flume.errors import (
    ConfigurationError,
    ForeignDataError,
    PauseNotAcknowledgedError,
    ServerFullError,
    WorkerNotFoundError,
)
from flume.keys import Keys
from flume.runtime.pauses import Pauses
from flume.runtime.wakeups import BLOCK_S
from tests.runtime.working import QUEUE, Stage, named
from tests.support.rig import Rig
from tests.support.servers import Server
from tests.support.waiting import wait_until_async

ACKNOWLEDGED_S = 0.6
"""A beat and a little: by then every live worker has said that it knows of a pause."""


async def _nothing() -> None:
    pass


HANDLER = named("nothing", _nothing)


async def test_a_worker_that_starts_while_paused_never_claims(stage: Stage) -> None:
    """A rolling deploy in a pause must not run what the pause holds back."""
    await stage.queue.pause()
    await stage.client.enqueue_many(QUEUE, [HANDLER.job() for _ in range(5)])
    before = stage.ready_entries("nothing")
    async with stage.working(HANDLER) as worker:
        await stage.until_paused(worker)
        for _ in range(20):  # each change makes a paused worker claim again
            await stage.queue.pause(wait=True)

        # A job that was claimed and given back has another time in its entry.
        assert stage.ready_entries("nothing") == before
        await stage.queue.resume()
        assert (await stage.until_empty()).totals["completed"] == 5


async def test_a_pause_that_was_awaited_lets_nothing_start(stage: Stage) -> None:
    """Whoever waits goes on to change the database that the handlers use."""
    starts: list[float] = []

    async def noted() -> None:
        starts.append(time.monotonic())
        await asyncio.sleep(0.001)

    handler = named("noted", noted)
    async with stage.working(handler, max_demand=50, concurrency=2):
        await stage.client.enqueue_many(QUEUE, [handler.job() for _ in range(5000)])
        await wait_until_async(lambda: len(starts) > 100)
        before = time.monotonic()
        await stage.queue.pause(wait=True)
        paused = time.monotonic()
        counts = await stage.until(lambda c: not c.running)

        assert paused - before < ACKNOWLEDGED_S
        assert starts[-1] <= paused
        assert counts.ready == 5000 - len(starts)


async def test_running_jobs_finish_and_scheduled_ones_become_ready(stage: Stage) -> None:
    """A pause stops starts and nothing else."""
    gate = asyncio.Event()
    handler = named("waits", gate.wait)
    async with stage.working(handler, HANDLER):
        await stage.client.enqueue(QUEUE, handler)
        await stage.until(lambda c: c.running == 1)
        await stage.queue.pause(wait=True)
        await stage.client.enqueue_in(QUEUE, timedelta(milliseconds=100), HANDLER)
        gate.set()
        counts = await stage.until(lambda c: c.ready and not c.running)

        assert (counts.scheduled, counts.totals["completed"]) == (0, 1)


async def test_a_resume_starts_waiting_jobs_at_once_on_every_worker(stage: Stage) -> None:
    """Not after the 2 s that an idle worker waits before it looks again."""
    started = asyncio.Event()

    async def starts() -> None:
        started.set()

    handler = named("starts", starts)
    waits = []
    async with stage.working(handler), stage.working(handler):
        for _ in range(10):
            started.clear()
            await stage.queue.pause()
            await stage.client.enqueue(QUEUE, handler)
            await _asleep(stage, 2)
            before = time.monotonic()
            await stage.queue.resume()
            await asyncio.wait_for(started.wait(), 5)
            waits.append(time.monotonic() - before)

    assert sorted(waits)[8] < 0.05  # one of ten may meet a busy machine


async def test_a_resume_that_meets_a_worker_on_its_way_to_sleep_is_not_missed(
    stage: Stage,
) -> None:
    """Between the claim that found the pause and the wait for its end there is a moment."""
    done = asyncio.Event()

    async def ends() -> None:
        done.set()

    handler = named("ends", ends)
    async with stage.working(handler):
        for _ in range(100):
            done.clear()
            await stage.queue.pause()
            await stage.client.enqueue(QUEUE, handler)
            await stage.queue.resume()
            await asyncio.wait_for(done.wait(), BLOCK_S / 2)


async def test_a_paused_worker_is_not_woken_by_new_jobs(stage: Stage) -> None:
    """A thousand enqueues a second to a paused queue would be a thousand vain claims."""
    async with stage.working(HANDLER):
        await stage.queue.pause()
        await stage.client.enqueue(QUEUE, HANDLER)
        await _asleep(stage, 1)
        before = _claims(stage.server)
        for _ in range(200):
            await stage.client.enqueue(QUEUE, HANDLER)

        assert _claims(stage.server) - before <= 200 + 20  # the enqueues, beats and a look or two
        await stage.queue.resume()
        await stage.until_empty()


async def test_twenty_toggles_end_in_the_last_state_everywhere(stage: Stage) -> None:
    """Whatever of them a worker has seen."""
    async with stage.working(HANDLER), stage.working(HANDLER), stage.working(HANDLER):
        for last_is_pause in (True, False):
            for number in range(20):
                if (number % 2 == 1) == last_is_pause:
                    await stage.queue.pause()
                else:
                    await stage.queue.resume()
            if last_is_pause:
                await stage.queue.pause(wait=True)
            else:
                await stage.queue.resume(wait=True)
            workers = await stage.queue.workers()
            assert [w.record["paused"] for w in workers] == [last_is_pause] * 3
        await stage.client.enqueue(QUEUE, HANDLER)
        await stage.until_empty()


async def test_a_pause_ends_by_itself(stage: Stage) -> None:
    """Workers know until when, and do not have to be told."""
    async with stage.working(HANDLER):
        before = time.monotonic()
        await stage.queue.pause(expires_in=timedelta(seconds=1), wait=True)
        await stage.client.enqueue(QUEUE, HANDLER)
        assert (await stage.queue.counts()).ready == 1
        await stage.until_empty()

        assert 1 <= time.monotonic() - before < 1 + BLOCK_S / 2
        assert await stage.queue.pauses() == []


async def test_one_worker_is_paused_and_the_others_go_on(stage: Stage) -> None:
    """To take one pod out of service, and look at it while it holds still."""
    by: list[str] = []

    def noting(name: str) -> Callable[..., Any]:
        async def note() -> None:
            by.append(name)

        return note

    async with (
        stage.working(named("note", noting("ada"))) as ada,
        stage.working(named("note", noting("bob"))) as bob,
    ):
        await stage.queue.pause(worker=ada.id, wait=True)
        for _ in range(20):
            await stage.client.enqueue(QUEUE, "note")
            await stage.until_empty(timeout=BLOCK_S / 2)  # a marker may be taken by ada
        assert set(by) == {"bob"}
        await stage.queue.resume(worker=ada.id, wait=True)
        await stage.queue.pause(worker=bob.id, wait=True)
        await stage.client.enqueue(QUEUE, "note")
        await stage.until_empty()

        assert by[20:] == ["ada"]


async def test_a_worker_pauses_itself(stage: Stage) -> None:
    """By code that holds it, and visibly to everybody."""
    async with stage.working(HANDLER) as worker:
        await worker.pause(reason="warming up")
        (info,) = await stage.queue.pauses()
        await stage.client.enqueue(QUEUE, HANDLER)

        assert (info.worker, info.reason, info.by) == (worker.id, "warming up", worker.id)
        assert (await stage.queue.counts()).ready == 1
        await worker.resume()
        await stage.until_empty()
    with pytest.raises(ConfigurationError, match="is not running"):
        await worker.pause()


async def test_workers_say_once_who_paused_and_why(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Their logs and events are where one looks for why nothing ran."""
    caplog.set_level(logging.INFO, "flume.worker")
    seen: list[events.Event] = []
    unsubscribe = [
        events.subscribe(kind, seen.append)
        for kind in (events.PipelinePaused, events.PipelineResumed)
    ]
    async with stage.working(HANDLER):
        await stage.queue.pause(reason="vendor down", by="ada", wait=True)
        await stage.client.pause_all(by="bob", wait=True)
        await stage.queue.resume(wait=True)
        await stage.client.resume_all(wait=True)
    for end in unsubscribe:
        end()

    assert seen == [
        events.PipelinePaused(QUEUE, "client", "vendor down", "ada"),
        events.PipelinePaused(QUEUE, "all", "", "bob"),
        events.PipelineResumed(QUEUE, "client", is_paused=True),
        events.PipelineResumed(QUEUE, "all", is_paused=False),
    ]
    lines = [(r.message, r.__dict__["source"]) for r in caplog.records if "source" in r.__dict__]
    assert lines == [
        ("pipeline_paused", "client"),
        ("pipeline_paused", "all"),
        ("pipeline_resumed", "client"),
        ("pipeline_resumed", "all"),
    ]


async def test_who_has_not_acknowledged_is_named(stage: Stage) -> None:
    """And the pause binds all the same: the message says so."""
    async with stage.working(named("blocks", lambda: None), HANDLER) as worker:
        stage.server.call("HSET", Keys(QUEUE).workers, 77, f"{_now_ms(stage)} ghost {{}}")
        with pytest.raises(PauseNotAcknowledgedError, match="is in force") as raised:
            await stage.queue.pause(wait=True, timeout=1.0)

        assert raised.value.missing == {QUEUE: ("ghost",)}
        assert worker.id not in str(raised.value)
        assert (await stage.queue.counts()).is_paused
        stage.server.call("HDEL", Keys(QUEUE).workers, 77)
        await stage.queue.resume(wait=True)


async def test_what_cannot_be_paused_is_refused(stage: Stage) -> None:
    """With nothing changed."""
    with pytest.raises(WorkerNotFoundError, match="has no worker nobody"):
        await stage.queue.pause(worker="nobody")
    with pytest.raises(ConfigurationError, match="cannot expire in"):
        await stage.queue.pause(expires_in=timedelta(0))
    with pytest.raises(ConfigurationError, match="reason of the pause has 2,000"):
        await stage.queue.pause(reason="x" * 2000)
    stage.server.call("SET", Keys(QUEUE).pause, "foreign")
    with pytest.raises(ForeignDataError):
        await stage.queue.pause()

    assert stage.server.call("EXISTS", Keys(QUEUE).pauses) == 0


async def test_a_full_server_can_be_paused(stage: Stage) -> None:
    """A vendor that is down is what fills it."""
    await stage.client.enqueue(QUEUE, HANDLER)
    stage.server.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
    stage.server.call("CONFIG", "SET", "maxmemory", 1)
    try:
        await stage.queue.pause()
        async with stage.working(HANDLER) as worker:
            await stage.until_paused(worker)
            assert (await stage.queue.counts()).ready == 1
            await stage.queue.resume()
            await stage.until_empty()
        with pytest.raises(ServerFullError, match="nothing was stored"):
            await stage.client.pause_all()
        assert await stage.queue.pauses() == []
    finally:
        stage.server.call("CONFIG", "SET", "maxmemory", 0)


def test_a_change_is_acknowledged_once_the_claims_from_before_have_ended(rig: Rig) -> None:
    """What such a claim brings is started; nobody may be told that nothing starts any more."""

    @dataclass
    class Claims:
        begun: int = 7
        finished: int = 6

    fetchers = [Claims(7, 7), Claims()]
    pauses = Pauses(
        rig.keys,
        rig.connections,
        "ada",
        fetchers,
        in_loop=lambda function: function(),
        give_back=lambda everything: 0,
    )
    change = rig.pause()
    pauses.beaten(rig.worker("ada").beat())
    pauses.give_back()
    before = pauses.seen
    fetchers[1].begun = 8
    fetchers[1].finished = 7
    pauses.check()
    pauses.give_back()

    assert (before, pauses.seen) == ("", change)


async def _asleep(stage: Stage, count: int) -> None:
    """Wait until so many workers wait for a resume, and for nothing else."""

    def waiting() -> int:
        return int(stage.server.call("CLIENT", "LIST").count(b" cmd=xread "))

    await wait_until_async(lambda: waiting() == count, what=f"{count} workers asleep")


def _claims(server: Server) -> int:
    calls = server.call("INFO", "commandstats")
    return int(calls["cmdstat_evalsha"]["calls"])


def _now_ms(stage: Stage) -> int:
    seconds, micros = stage.server.call("TIME")
    return int(seconds) * 1000 + int(micros) // 1000
