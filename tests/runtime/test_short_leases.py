"""A lease is kept although the connection that keeps it is stuck."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from flume.runtime.worker import Worker
from tests.runtime.working import QUEUE, Stage, named
from tests.support.proxy import Proxy

pytestmark = pytest.mark.usefixtures("emptied")

FENCES = 2**19
"""Scores of one fence differ by a multiple of it."""


async def test_a_stuck_connection_costs_no_lease_of_three_seconds(
    stage: Stage, proxy: Proxy
) -> None:
    """The heartbeat waited five seconds for its reply, and another worker ran the job as well."""
    runs = 0
    begun, finish = asyncio.Event(), asyncio.Event()

    async def send() -> None:
        nonlocal runs
        runs += 1
        begun.set()
        await finish.wait()

    handler = named("send", send)
    config = stage.worker(handler, lease_s=3.0).config
    job = await stage.client.enqueue(QUEUE, handler)
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        worker = Worker(replace(config, url=proxy.url))
        tasks.create_task(worker.run())
        await begun.wait()
        other = Worker(config)
        tasks.create_task(other.run())
        leased = await score(stage, job.id)
        proxy.stick()
        while (now := await score(stage, job.id)) < leased + FENCES * 8 * 3:  # 3 s of 1/8 s
            if now % FENCES != leased % FENCES:
                break
        proxy.heal()
        finish.set()
        await stage.until_empty()
        worker.stop()
        other.stop()

    assert now % FENCES == leased % FENCES
    assert runs == 1


async def score(stage: Stage, job_id: str) -> int:
    """Return a running job's deadline and fence; each look lets other tasks run."""
    key = f"flume:{{{QUEUE}}}:running"
    return int(float(await stage.client._connections.call("ZSCORE", key, job_id) or 0))
