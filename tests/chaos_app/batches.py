"""Batch handlers that note what they do, as the handlers of ``jobs`` do for single jobs."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

from flume import Batch, batch_handler
from tests.chaos_app.jobs import LOOK_SECONDS, ledger


@batch_handler
async def batch_at_gate(batch: Batch[str]) -> None:
    """Return once the test has opened the gate that the first job names."""
    _note(batch, "starts", "runs")
    gate = Path(os.environ["CHAOS_GATES"], batch[0].value)
    while not gate.exists():  # noqa: ASYNC110, ASYNC240 - made by another process
        await asyncio.sleep(LOOK_SECONDS)
    _note(batch, "ends", "ended")


@batch_handler
async def batch_with_deadly(batch: Batch[str]) -> None:
    """Kill the worker where one of the jobs says so."""
    _note(batch, "starts", "runs")
    if "deadly" in batch.values:
        os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(60)
    _note(batch, "ends", "ended")


def _note(batch: Batch[str], counter: str, moments: str) -> None:
    with ledger().pipeline(transaction=True) as pipe:
        for job in batch:
            pipe.hincrby(counter, job.id, 1)
            pipe.rpush(moments, f"{job.id} {os.getpid()} {time.monotonic():.4f}")
        pipe.execute()
