"""Looks after what takes too long: jobs past their timeout, and claimed jobs without a place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from flume.current import HeldJob
from flume.runtime.beat import AHEAD_WAIT_S
from flume.runtime.lane import Lane

INTERVAL_S = 0.25
"""Between looks: how late a timeout may bind."""


async def sweep(lanes: Sequence[Lane], on_stuck: Callable[[], None]) -> None:
    """Stop jobs past their timeout, until cancelled; report once when no place is left."""
    is_told = False
    while True:
        await asyncio.sleep(INTERVAL_S)
        now = time.monotonic()
        for lane in lanes:
            lane.sweep(now)
        if not is_told and lanes and all(lane.is_stuck() for lane in lanes):
            is_told = True
            on_stuck()


def give_back_late(lanes: Sequence[Lane], release: Callable[[list[HeldJob]], None]) -> int:
    """Release claimed jobs that wait for a place too long; return how many still wait.

    Runs in the heartbeat's thread, so that a handler which blocks the event loop does not keep
    jobs that others could run.
    """
    oldest = time.monotonic() - AHEAD_WAIT_S
    waiting = 0
    for lane in lanes:
        late: list[HeldJob] = []
        while lane.buffer and lane.buffer[0].extended_at < oldest:
            try:
                late.append(lane.buffer.popleft())
            except IndexError:  # the event loop took it
                break
        waiting += len(lane.buffer)
        if late:
            release(late)
    return waiting
