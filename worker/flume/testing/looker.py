"""Looks at a queue until nothing is left that may run, and says what is left."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from flume import operations
from flume.client import AsyncClient
from flume.commands import client as commands
from flume.commands import worker as housekeeping
from flume.commands.client import Counts
from flume.driving import Operation
from flume.job import JobState
from flume.keys import Keys
from flume.runtime.worker import WorkerConfig

POLL_S = 0.01
"""Between two looks: short beside what a test takes, long beside what a look takes (1 ms)."""
SHOWN = 3
"""Failed jobs in the message about what is left."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a queue holds."""

    names: list[str]
    counts: Counts
    due: int
    """Scheduled and retrying jobs that may run now."""
    is_steady: bool
    """Nothing moved while it was looked at, so that no job can have been overlooked."""


class Looker:
    """Looks at one queue.

    Args:
        client: To look with.
        config: Of the worker that runs the queue.
        include_retrying: A job that waits to run again is still to be run.
    """

    def __init__(
        self, client: AsyncClient, config: WorkerConfig, *, include_retrying: bool
    ) -> None:
        self._client = client
        self._config = config
        self._include_retrying = include_retrying
        self._keys = Keys(config.settings.queue, config.prefix)

    async def wait_until_empty(self) -> str:
        """Return an empty string once nothing is left to run, or why what is left never runs."""
        while True:
            seen = await self._client._drive(look(self._keys, self._config.shift_ms))
            counts = seen.counts
            waiting = counts.running + (counts.retrying if self._include_retrying else 0)
            if seen.is_steady and not counts.ready + seen.due + waiting:
                return ""
            if seen.due:  # now, and not only with the worker's next beat
                command = housekeeping.promote(self._keys, seen.names, 1000)
                await self._client._resend(command)
            elif not waiting and (unknown := self._unknown(seen)):
                return f"no handler of the modules is named {', '.join(unknown)}"
            await asyncio.sleep(POLL_S)

    async def describe(self, reason: str) -> str:
        """Return what is left, for people."""
        counts = await self._client.queue(self._keys.queue).counts()
        states = {
            "ready": counts.ready,
            "scheduled": counts.scheduled,
            "running": counts.running,
            "retrying": counts.retrying,
        }
        left = ", ".join(f"{count} {state}" for state, count in states.items() if count)
        names = ", ".join(
            f"{name}: {handler.depth}" for name, handler in counts.handlers.items() if handler.depth
        )
        lines = [f"the queue {self._keys.queue} is not empty: {reason}. Left: {left or 'none'}."]
        if names:
            lines.append(f"Ready by handler: {names}.")
        if counts.is_paused:
            lines.append("The queue is paused: resume it first.")
        for job in await self._client.queue(self._keys.queue).jobs(JobState.RETRYING, limit=SHOWN):
            error = (job.error or "").partition("\n")[0]
            lines.append(f"{job.handler} failed {job.attempts} time(s): {error}")
        return "\n".join(lines)

    def _unknown(self, seen: Seen) -> list[str]:
        """Return the handlers of the ready jobs, where this worker has none of them."""
        ready = {name for name, handler in seen.counts.handlers.items() if handler.depth}
        return [] if ready & self._config.loaded.handlers.keys() else sorted(ready)


def look(keys: Keys, shift_ms: int) -> Operation[Seen]:
    """Return what a queue holds; where nothing is to run, only if that held for a moment."""
    names = yield from operations.handler_names(keys)
    counts: Counts = yield commands.counts(keys, names)
    seconds, micros = yield ("TIME",)
    now_ms = int(seconds) * 1000 + int(micros) // 1000 + shift_ms
    due = 0
    for zset in (keys.scheduled, keys.retrying):
        due += yield ("ZCOUNT", zset, "-inf", now_ms)
    if counts.ready or counts.running or due:
        return Seen(names, counts, due, is_steady=False)
    # A job that moved between two calls, such as from running to retrying, has changed a count.
    names_after = yield from operations.handler_names(keys)
    counts_after: Counts = yield commands.counts(keys, names_after)
    is_steady = _numbers(counts) == _numbers(counts_after) and names == names_after
    return Seen(names_after, counts_after, due, is_steady=is_steady)


def _numbers(counts: Counts) -> tuple[object, ...]:
    waiting = (counts.ready, counts.scheduled, counts.retrying)
    return (*waiting, counts.running, counts.dead, counts.totals)
