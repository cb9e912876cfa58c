"""Scheduled jobs become ready by themselves, on time, once each."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from flume.pipeline import PipelineSettings
from tests.runtime.working import QUEUE, Stage, named

pytestmark = pytest.mark.usefixtures("emptied")


async def test_a_scheduled_job_runs_at_or_within_a_second_after_its_time(stage: Stage) -> None:
    """Without a leader: any worker's heartbeat promotes what is due."""
    ran: list[float] = []

    async def note() -> None:
        ran.append(time.time())

    handler = named("note", note)
    due = time.time() + 0.3
    async with stage.working(handler):
        await stage.client.enqueue_in(QUEUE, timedelta(seconds=0.3), handler)
        await stage.client.enqueue_at(QUEUE, datetime.fromtimestamp(due, UTC), handler)
        await stage.until_empty()

    assert len(ran) == 2
    assert all(due - 0.01 <= moment <= due + 1.1 for moment in ran)


async def test_three_workers_promote_each_job_once(stage: Stage) -> None:
    """All see that it is due, and none doubles it."""
    ran: list[int] = []

    async def note(number: int) -> None:
        ran.append(number)

    handler = named("note", note)
    for number in range(300):
        await stage.client.enqueue_in(QUEUE, timedelta(seconds=0.2), handler, number)
    async with stage.working(handler), stage.working(handler), stage.working(handler):
        await stage.until_empty()

    assert sorted(ran) == list(range(300))


def test_places_follow_the_kind_of_handler() -> None:
    """Async handlers may all run at once; threads are few unless somebody asks for more."""
    settings = PipelineSettings("orders", max_demand=1000)

    assert settings.places(is_sync=False) == 1000
    assert settings.places(is_sync=True) == 10
    assert PipelineSettings("orders", concurrency=7).places(is_sync=True) == 7
