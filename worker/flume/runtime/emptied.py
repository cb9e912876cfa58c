"""Stops workers once none of their queues has anything left to run, now or later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from flume.client import AsyncClient
from flume.commands.client import Counts
from flume.errors import ServerUnavailableError
from flume.runtime.worker import Worker

POLL_S = 0.2
"""Between two looks: what a run takes longer than its jobs, twice, and no load on Redis."""


class Looks:
    """Judges looks at some queues, which are counted one after the other.

    Args:
        awaits_jobs: They are not done before the first job has come.
    """

    def __init__(self, *, awaits_jobs: bool = False) -> None:
        self._awaits_jobs = awaits_jobs
        self._before: list[dict[str, int]] | None = None

    def are_done(self, counts: Sequence[Counts]) -> bool:
        """Take the next look; return whether all queues were empty at one moment.

        A handler of one queue may enqueue to another that was counted just before.  So one look
        proves nothing: two empty ones do, where no transition was counted between them.
        """
        self._awaits_jobs = self._awaits_jobs and not any(map(_has_had_jobs, counts))
        if self._awaits_jobs or any(map(_left, counts)):
            self._before = None
            return False
        before, self._before = self._before, [each.totals for each in counts]
        return before == self._before


async def stop_when_empty(workers: Sequence[Worker], *, awaits_jobs: bool) -> None:
    """Stop all workers once nothing is ready, running, scheduled or retrying in their queues."""
    config, looks = workers[0].config, Looks(awaits_jobs=awaits_jobs)
    async with AsyncClient(config.url, prefix=config.prefix) as client:
        queues = [client.queue(worker.keys.queue) for worker in workers]
        while True:
            await asyncio.sleep(POLL_S)
            try:
                counts = [await queue.counts() for queue in queues]
            except ServerUnavailableError:
                continue
            if looks.are_done(counts):
                break
    for worker in workers:
        worker.stop()


def _has_had_jobs(counts: Counts) -> bool:
    return bool(counts.totals.get("enqueued") or counts.totals.get("scheduled"))


def _left(counts: Counts) -> int:
    return counts.ready + counts.running + counts.scheduled + counts.retrying
