"""A settings record that cannot be read, is gone, or is not there yet, stops no worker."""

from __future__ import annotations

import asyncio
import logging

import msgspec
import pytest

from flume.settings_record import Owner
from tests.runtime.recorded import (
    BINDS_S,
    Gate,
    obeyed,
    two_beats,
    write,
    write_raw,
)
from tests.runtime.working import QUEUE, Stage, named
from tests.support.waiting import wait_until_async


@pytest.mark.parametrize(
    ("json", "said"),
    [
        ("no JSON", "not JSON"),
        ("[]", "no JSON object"),
        ('{"max_demand": 0}', "`int` >= 1 - at `$.max_demand`"),
        ('{"lease_s": 0.001}', "`float` >= 1"),
        ('{"concurrency": "many"}', "$.concurrency"),
        ('{"rate_limit": {"count": 5}}', "period_s"),
        ("[" * 100_000, "not JSON"),
    ],
)
async def test_a_record_that_cannot_be_read_changes_nothing(
    stage: Stage, caplog: pytest.LogCaptureFixture, json: str, said: str
) -> None:
    """A slip of a hand, or a version from next year, must not stop what runs."""
    gate = Gate()
    job = named("a", gate.run)
    await write(stage, max_demand=4)
    await stage.client.enqueue_many(QUEUE, [job.job(n) for n in range(8)])
    async with stage.working(job) as worker:
        await wait_until_async(lambda: gate.running == 4)
        await write_raw(stage, json=json, generation=77)
        await wait_until_async(lambda: worker.live.problem, BINDS_S)
        await write_raw(stage, json=json, generation=78)
        await two_beats(stage)
        assert said in worker.live.problem
        assert (worker.live.current.max_demand, worker.live.generation) == (4, 1)
        gate.open.set()
        await stage.until_empty()
        await write(stage, max_demand=6)
        await obeyed(worker, max_demand=6)
        assert worker.live.problem == ""
    told = [record for record in caplog.records if record.msg == "settings_unreadable"]
    assert len(told) == 1


async def test_a_key_of_another_type_changes_nothing(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """And the worker goes on beating: others would take its jobs otherwise."""
    call = stage.client._connections.call

    async def nothing() -> None:
        """Do nothing."""

    async with stage.working(named("a", nothing)) as worker:
        await call("SET", stage.queue._keys.settings, "foreign")
        await wait_until_async(lambda: worker.live.problem, BINDS_S)
        await two_beats(stage)
        await call("DEL", stage.queue._keys.settings)
        await write(stage, max_demand=6)
        await obeyed(worker, max_demand=6)
    told = [record.msg for record in caplog.records if record.levelno >= logging.ERROR]
    assert told == ["settings_unreadable"]


async def test_unknown_fields_are_ignored_with_a_word(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """A newer operator may write more than an older worker knows."""
    caplog.set_level(logging.INFO, "flume.worker")

    async def nothing() -> None:
        """Do nothing."""

    async with stage.working(named("a", nothing)) as worker:
        json = msgspec.json.encode({"max_demand": 3, "colour": "red"}).decode()
        await write_raw(stage, json=json, generation=5)
        await obeyed(worker, max_demand=3, max_retries=5)
    (told,) = [record for record in caplog.records if record.msg == "settings_unknown"]
    assert told.__dict__["fields"] == ["colour"]


async def test_a_record_that_vanishes_leaves_what_is_in_force(stage: Stage) -> None:
    """Redis came back without its data: the workers go on, and hear of a lower generation too."""
    call = stage.client._connections.call

    async def nothing() -> None:
        """Do nothing."""

    await write(stage, max_demand=3)
    await write(stage, max_demand=4)
    async with stage.working(named("a", nothing)) as worker:
        await call("FLUSHALL")
        await wait_until_async(lambda: worker.live.generation == 0, BINDS_S)
        assert worker.live.current.max_demand == 4
        assert await write(stage, max_demand=9) == 1
        await obeyed(worker, max_demand=9)
        await call("DEL", stage.queue._keys.settings)
        await write(stage, Owner("other", "other", 1), max_demand=8)  # generation 1 once more
        await obeyed(worker, max_demand=8)


async def test_a_worker_that_was_told_to_wait_claims_nothing_before_the_record(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Defaults may be far too many for the database behind the handlers."""
    gate = Gate()
    job = named("a", gate.run)
    await stage.client.enqueue(QUEUE, job, 1)
    async with asyncio.TaskGroup() as tasks:
        worker = stage.worker(job, awaits_settings=True)
        tasks.create_task(worker.run())
        await wait_until_async(lambda: "settings_awaited" in caplog.messages)
        await two_beats(stage)
        assert (worker.is_ready, gate.running) == (False, 0)
        assert (await stage.queue.workers())[0].record["awaits_settings"]
        await write(stage)
        await wait_until_async(lambda: gate.running == 1, BINDS_S)
        assert worker.is_ready
        gate.open.set()
        worker.stop()


async def test_given_settings_that_say_paused_hold_a_worker_back_without_a_record(
    stage: Stage,
) -> None:
    """Redis lost its data, and with it the pause: the file that the pod has still says it."""
    gate = Gate()
    job = named("a", gate.run)
    await stage.client.enqueue(QUEUE, job, 1)
    async with stage.working(job, paused=True):
        await two_beats(stage)
        assert gate.running == 0
        await write(stage)
        await wait_until_async(lambda: gate.running == 1, BINDS_S)
        gate.open.set()
