"""The handlers that Flume's worker runs in the benchmark."""

from __future__ import annotations

import asyncio
import struct
import time

from benchmarks.tally import STAMP_BYTES, STAMPS_VARIABLE, shared_cells
from flume import Batch, batch_handler, handler

_cells = shared_cells()
_stamps = shared_cells(STAMPS_VARIABLE)
_pack_stamp = struct.Struct("=q").pack_into


@handler
async def noop(value: int) -> None:
    """Do nothing but note that job `value` ran."""
    _cells[value] += 1


@handler
def noop_sync(value: int) -> None:
    """Do the same in a thread."""
    _cells[value] += 1


@handler
async def stamp(value: int, sent_ns: int) -> None:
    """Note how long job `value` took from before its enqueue until now."""
    _pack_stamp(_stamps, value * STAMP_BYTES, time.monotonic_ns() - sent_ns)


@handler
async def stamp_and_wait(value: int, seconds: float) -> None:
    """Note when job `value` started, and take some time."""
    _pack_stamp(_stamps, value * STAMP_BYTES, time.monotonic_ns())
    await asyncio.sleep(seconds)


@batch_handler
async def noop_batch(batch: Batch[int]) -> None:
    """Do nothing but note that each job ran."""
    for job in batch:
        _cells[job.value] += 1


@batch_handler
async def sized_batch(batch: Batch[int]) -> None:
    """Note for each job how many its batch has."""
    for job in batch:
        _pack_stamp(_stamps, job.value * STAMP_BYTES, len(batch))


@batch_handler
async def late_batch(batch: Batch[list[int]]) -> None:
    """Note how long the batch `value[0]` took from before its first enqueue until now."""
    number, sent_ns = batch[0].value
    _pack_stamp(_stamps, number * STAMP_BYTES, time.monotonic_ns() - sent_ns)
