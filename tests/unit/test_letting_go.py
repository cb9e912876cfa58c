"""What is let go of makes room, and the lane that waits for room is told at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random

import pytest

from flume.connection import AsyncConnections, SyncConnections
from flume.current import HeldJob
from flume.keys import Keys
from flume.pipeline import PipelineSettings
from flume.runtime.async_lane import AsyncLane
from flume.runtime.completer import Completer
from flume.runtime.demand import Demand
from flume.runtime.lane import TIMEOUT_GRACE_S
from flume.runtime.link import Link
from flume.runtime.metrics import Metrics
from flume.runtime.settler import Settler
from flume.runtime.sweeper import LateJobs

SETTINGS = PipelineSettings("orders", max_demand=1)
KEYS = Keys("orders")


class Holder:
    """A worker's demand, full with one job, and a lane that waits for room."""

    def __init__(self) -> None:
        self.looks = 0
        self.job = HeldJob(b"a", b"", 1, 0.0)
        self.demand = Demand(SETTINGS.max_demand)
        self.demand.take([self.job], alone=False)
        self.demand.listeners.append(self._look)
        link = Link("orders", AsyncConnections(), rng=Random(1))
        completer = Completer(KEYS, link, spawn=asyncio.Task, on_refused=lambda _: None)
        self.settler = Settler(
            "orders", SETTINGS, self.demand, completer, Metrics("orders", "orders"), rng=Random(1)
        )

    def _look(self) -> None:
        self.looks += self.demand.room("lane") > 0


@pytest.mark.parametrize(
    "let_go",
    [
        lambda holder: holder.settler.gave_back([holder.job]),
        lambda holder: holder.settler.lose([holder.job]),
    ],
    ids=["given back by the heartbeat", "lost to another worker"],
)
async def test_a_job_that_ends_without_its_handler_makes_room(
    let_go: Callable[[Holder], object],
) -> None:
    """Its own lane may have no place for another one, but a second lane has: it waited for ever."""
    holder = Holder()

    let_go(holder)

    assert holder.looks == 1


async def test_a_handler_that_does_not_stop_makes_room_for_other_lanes() -> None:
    """Its place stays taken, but the worker holds its job no more."""
    holder = Holder()
    job = holder.job
    job.data = b"not a body: its handler does not matter here"
    lane = AsyncLane("orders", {}, SETTINGS, places=1, ended=holder.settler.ended)
    lane.on_room = holder.demand.freed
    job.started_at, job.timeout_s = 1.0, 1.0
    lane.running[job.id] = job

    lane.sweep(2.0 + TIMEOUT_GRACE_S)

    assert holder.looks == 1


async def test_a_job_that_starts_while_it_is_looked_at_is_not_late() -> None:
    """The event loop takes the last one between two looks of the heartbeat's thread."""

    class JustEmptied(deque[HeldJob]):
        def __bool__(self) -> bool:
            return True

    lane = AsyncLane("orders", {}, SETTINGS, places=1, ended=lambda *_: None)
    lane.buffer = JustEmptied()
    connections = SyncConnections()

    assert LateJobs(KEYS, connections, [lane], lambda _: None).give_back() == 0
