"""The sweeper bounds a wait that has no clock of its own."""

from __future__ import annotations

import asyncio

from flume.pipeline import PipelineSettings
from flume.runtime.async_lane import AsyncLane
from flume.runtime.sweeper import sweep


async def test_who_waits_for_room_looks_again_at_each_sweep() -> None:
    """A fetcher that nobody told of room would claim no more, without a sign of it."""
    told, looks = asyncio.Event(), 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            told.set()

    lane = AsyncLane("orders", {}, PipelineSettings("orders"), places=1, ended=lambda *_: None)
    lane.on_room = look
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        sweeping = tasks.create_task(sweep([lane], lambda: None))
        await told.wait()
        sweeping.cancel()

    assert looks == 2
