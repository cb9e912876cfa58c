"""The settings record of a queue as tests write it, and a handler that is let go by hand."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from flume.commands.client import configure
from flume.pipeline import PipelineSettings
from flume.runtime.lane import Lane
from flume.runtime.worker import Worker
from flume.settings_record import Owner, encode
from tests.runtime.working import QUEUE, Stage
from tests.support.waiting import wait_until_async

BINDS_S = 2.0
"""What the contract gives a change until it holds in every worker."""

OWNER = Owner("tests", "uid", 1)


async def write(stage: Stage, owner: Owner = OWNER, **settings: Any) -> int:
    """Write the queue's settings; return their generation."""
    command = configure(stage.queue._keys, owner, encode(PipelineSettings(QUEUE, **settings)))
    return (await stage.client._connections.run(command)).generation


async def write_raw(stage: Stage, **fields: str | int) -> None:
    """Write fields of the record past all rules."""
    items = [item for pair in fields.items() for item in pair]
    await stage.client._connections.call("HSET", stage.queue._keys.settings, *items)


async def obeyed(worker: Worker, **settings: Any) -> None:
    """Return once these are in force; fail where that takes longer than it may."""
    await wait_until_async(
        lambda: all(getattr(worker.live.current, name) == v for name, v in settings.items()),
        BINDS_S,
        what=f"{settings} in force",
    )


class Gate:
    """A handler that runs until it is let go, and counts how many do so at once."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.running = self.most = 0

    async def run(self, number: int) -> None:
        """Run."""
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.open.wait()
        finally:
            self.running -= 1


def lanes_of(worker: Worker) -> list[Lane]:
    """Return the lanes of a worker that runs."""
    assert worker._parts is not None
    return worker._parts.lanes


async def two_beats(stage: Stage) -> None:
    """Return once a worker has beaten twice."""
    seen: set[datetime] = set()
    async with asyncio.timeout(5):
        while len(seen) < 3:
            seen.add((await stage.queue.workers())[0].seen)
