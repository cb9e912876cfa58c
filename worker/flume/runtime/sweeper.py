"""Looks after what takes too long: jobs past their timeout, and claimed jobs without a place."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence

from flume.commands import worker as commands
from flume.commands.command import Argument, Command
from flume.connection import SyncConnections
from flume.current import HeldJob
from flume.keys import Keys
from flume.runtime.beat import AHEAD_WAIT_S
from flume.runtime.lane import Lane
from flume.runtime.settler import handler_name

INTERVAL_S = 0.25
"""Between looks: how late a timeout may bind."""


async def sweep(lanes: Sequence[Lane], on_stuck: Callable[[], None]) -> None:
    """Stop jobs past their timeout, until cancelled; report once when a lane has no place left.

    At each look, whoever waits for room looks again as well.
    One lane is enough: the jobs of its handlers would wait here for ever.
    """
    is_told = False
    while True:
        await asyncio.sleep(INTERVAL_S)
        now = time.monotonic()
        for lane in lanes:
            lane.sweep(now)
            lane.on_room()  # bounds how long a fetcher waits for room, should nobody have told it
        if not is_told and any(lane.is_stuck() for lane in lanes):
            is_told = True
            on_stuck()


class LateJobs:
    """Gives back claimed jobs that wait for a place too long.

    Runs in the heartbeat's thread and over its connections, so that a handler which blocks the
    event loop does not keep jobs that others could run.

    Args:
        keys: Of the queue.
        connections: The heartbeat's.
        lanes: Where jobs wait.
        on_given_back: Told (in this thread) of those that are given back.
    """

    def __init__(
        self,
        keys: Keys,
        connections: SyncConnections,
        lanes: Sequence[Lane],
        on_given_back: Callable[[list[HeldJob]], None],
    ) -> None:
        self._keys = keys
        self._connections = connections
        self._lanes = lanes
        self._on_given_back = on_given_back
        self._taken: list[HeldJob] = []

    def give_back(self, everything: bool = False) -> int:
        """Release what waits for too long, or ``everything``; return how many still wait.

        Raises:
            ServerError: If Redis did not take them; the next call tries again.
        """
        oldest = math.inf if everything else time.monotonic() - AHEAD_WAIT_S
        for lane in self._lanes:
            while True:
                try:
                    if lane.buffer[0].extended_at >= oldest:
                        break
                    job = lane.buffer.popleft()
                except IndexError:  # it is empty, or the last one was started just now
                    break
                job.is_settled = True  # its lease is not extended any more
                self._taken.append(job)
        while self._taken:
            handler = handler_name(self._taken[0])
            part = [job for job in self._taken if handler_name(job) == handler]
            del part[commands.RELEASE_AT_ONCE :]
            self._connections.run(self._release(handler, part))
            given_back = {job.id for job in part}
            self._taken = [job for job in self._taken if job.id not in given_back]
            self._on_given_back(part)
        return sum(len(lane.buffer) for lane in self._lanes)

    def _release(self, handler: str, jobs: list[HeldJob]) -> Command[list[bytes]]:
        if not handler:  # it cannot be read, and belongs to no list
            whole: list[Argument] = [item for job in jobs for item in (job.id, job.fence, "")]
            return commands.bury(self._keys, whole)
        pairs: list[Argument] = [item for job in jobs for item in (job.id, job.fence)]
        return commands.release(self._keys, handler, pairs)
