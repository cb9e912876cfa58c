"""How a worker stops in order: finish what runs, give back the rest, store what is known."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from flume.current import HeldJob
from flume.runtime.completer import Completer
from flume.runtime.demand import Demand
from flume.runtime.lane import Lane
from flume.runtime.settler import Settler
from flume.runtime.waiting import wait_for

CLAIMS_S = 3.0
"""Seconds for claims under way to answer, so that what they bring can be given back."""
CANCELLED_S = 1.0
"""Seconds for cancelled handlers to clean up once the grace is over."""
FLUSH_S = 3.0
"""Seconds for the last outcomes to be stored."""
LOOK_S = 0.2
"""Longest time between looks at the clock; jobs that end are looked at at once."""

logger = logging.getLogger("flume.worker")


async def finish(
    queue: str,
    lanes: Sequence[Lane],
    claims: Sequence[asyncio.Task[list[HeldJob]]],
    *,
    demand: Demand,
    settler: Settler,
    completer: Completer,
    grace_s: Callable[[], float],
) -> None:
    """Stop the lanes' jobs in order.

    Args:
        queue: For the log.
        lanes: Whose fetchers have been stopped.
        claims: Their runs; each returns the jobs that came too late.
        demand: What the worker holds.
        settler: Gives jobs back.
        completer: Stores outcomes.
        grace_s: How long running jobs may take from now; it may shrink meanwhile.
    """
    started = time.monotonic()
    changed = asyncio.Event()
    for lane in lanes:
        lane.on_room = changed.set
        while lane.buffer:
            settler.release(lane.buffer.popleft())
    ended, late = await asyncio.wait(claims, timeout=CLAIMS_S)
    for claim in ended:
        for job in claim.result():
            settler.release(job)
    await _until(lambda: not demand.held or time.monotonic() - started >= grace_s(), changed)
    await _stop_running(lanes, demand, changed)
    for job in list(demand.held.values()):
        settler.release(job)
    try:
        async with asyncio.timeout(FLUSH_S):
            await completer.flush()
    except TimeoutError:  # their leases lapse, and others run them again
        logger.error("outcomes_not_stored", extra={"queue": queue})
        completer.give_up()
    for claim in late:
        claim.cancel()


async def _stop_running(lanes: Sequence[Lane], demand: Demand, changed: asyncio.Event) -> None:
    """Ask all running handlers to stop, and wait a moment for those that can be."""
    for job in list(demand.held.values()):
        job.ending = "shutdown"
    for lane in lanes:
        for job in list(lane.running.values()):
            lane.stop_job(job)
    deadline = time.monotonic() + CANCELLED_S
    stoppable = [lane for lane in lanes if lane.can_stop]
    await _until(
        lambda: not any(lane.busy() for lane in stoppable) or time.monotonic() >= deadline,
        changed,
    )


async def _until(condition: Callable[[], bool], changed: asyncio.Event) -> None:
    while not condition():
        changed.clear()
        await wait_for(changed, LOOK_S)
