"""Hands outcomes to Redis: many in one call, each until it is stored or refused."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from flume import codec
from flume.codec import Body
from flume.commands import worker as commands
from flume.commands.client import Lane
from flume.commands.command import Argument, Command
from flume.current import HeldJob
from flume.errors import ServerError
from flume.keys import Keys
from flume.runtime.link import Link
from flume.runtime.nothing import nothing

FLIGHTS = 4
"""Calls under way at once: enough to hide a round trip, few enough to be large."""

COMPLETE_AT_ONCE = 1000

logger = logging.getLogger("flume.worker")


@dataclass(frozen=True, slots=True)
class Flight:
    """Outcomes on their way to Redis."""

    command: Command[list[bytes]]
    pairs: Callable[[], list[Argument]]
    """Returns id and fence in turn; asked only where the call takes long."""
    landed: Callable[[], None] = nothing


class Completer:
    """Gathers outcomes during one turn of the event loop and sends them together.

    Args:
        keys: Of the queue.
        link: To Redis; it sends again until there is an answer.
        spawn: Starts a task of the worker's group.
        on_refused: Told how many outcomes were refused because the lease was lost.
    """

    def __init__(
        self,
        keys: Keys,
        link: Link,
        *,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        on_refused: Callable[[Sequence[bytes]], None],
    ) -> None:
        self._keys = keys
        self._link = link
        self._spawn = spawn
        self._on_refused = on_refused
        self._lanes = [Lane(secrets.token_hex(8), 0) for _ in range(FLIGHTS)]
        self._loop = asyncio.get_running_loop()
        self._completed: dict[int, list[bytes]] = {}
        self._discarded: dict[int, list[bytes]] = {}
        self._retries: list[Argument] = []
        self._burials: list[Argument] = []
        self._releases: dict[str, list[Argument]] = {}
        self._is_due = False
        self._flights: dict[asyncio.Task[None], Flight] = {}
        self._gives_up = False
        self._landed = asyncio.Event()
        self._moved_at = 0.0  # monotonic s: when outcomes last began to gather, or were stored

    def complete(self, job: HeldJob) -> None:
        """The job ended well."""
        try:
            self._completed[job.fence].append(job.id)
        except KeyError:
            self._completed[job.fence] = [job.id]
        if not self._is_due:
            self._soon()

    def complete_all(self, jobs: Sequence[HeldJob]) -> None:
        """The jobs of one claim ended well."""
        self._completed.setdefault(jobs[0].fence, []).extend([job.id for job in jobs])
        self._soon()

    def discard(self, job: HeldJob) -> None:
        """The job is dropped."""
        self._discarded.setdefault(job.fence, []).append(job.id)
        self._soon()

    def retry(self, job: HeldJob, body: Body, after_s: float) -> None:
        """The job runs again later."""
        wait = round(after_s * 1000)
        self._retries += (job.id, job.fence, wait, body.handler, codec.encode(body))
        self._soon()

    def bury(self, job: HeldJob, body: Body | None) -> None:
        """The job is given up; ``None`` leaves its bytes as they are."""
        self._burials += (job.id, job.fence, b"" if body is None else codec.encode(body))
        self._soon()

    def release(self, job: HeldJob, handler: str) -> None:
        """The job was not run to an end; others may."""
        self._releases.setdefault(handler, []).extend((job.id, job.fence))
        self._soon()

    async def flush(self) -> None:
        """Wait until every outcome so far is stored or refused."""
        while self._flights or self._is_due:
            self._landed.clear()
            await self._landed.wait()

    def give_up(self) -> None:
        """Send no more.  What is not stored yet is run again once its lease has ended."""
        self._gives_up = True
        for task in self._flights:
            task.cancel()

    def unstored(self, age: float) -> list[Argument]:
        """Return the outcomes, id and fence in turn, of which none was stored for ``age`` s.

        For the heartbeat's thread: their leases must not lapse while a handler blocks the loop, or
        their jobs would run again.
        """
        if time.monotonic() - self._moved_at < age or not (self._is_due or self._flights):
            return []
        pairs: list[Argument] = []
        for outcomes in (self._completed, self._discarded):
            for fence, ids in list(outcomes.items()):
                pairs += [item for job_id in list(ids) for item in (job_id, fence)]
        pairs += _pairs(list(self._retries), 5) + _pairs(list(self._burials), 3)
        for waiting in list(self._releases.values()):
            pairs += list(waiting)
        for flight in list(self._flights.values()):
            pairs += flight.pairs()
        return pairs

    def _soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._moved_at = time.monotonic()
            self._loop.call_soon(self._send)

    def _send(self) -> None:
        """Start a call for what has gathered, unless enough are under way: then more gathers."""
        while len(self._flights) < FLIGHTS and not self._gives_up:
            flight = self._next()
            if flight is None:
                self._is_due = False
                break
            self._flights[self._spawn(self._fly(flight))] = flight

    def _next(self) -> Flight | None:
        keys = self._keys
        if self._completed:
            groups = _groups(self._completed)
            return Flight(commands.complete(keys, groups), lambda: _pairs_of(groups))
        if self._discarded:
            groups = _groups(self._discarded)
            command = commands.complete(keys, groups, counter="discarded")
            return Flight(command, lambda: _pairs_of(groups))
        if self._retries:
            last = self._lanes.pop()  # one for each flight, so there is one
            lane = Lane(last.name, last.number + 1)
            jobs = _cut(self._retries, 5 * commands.OUTCOMES_AT_ONCE)
            command = commands.retry(keys, lane, jobs)
            return Flight(command, lambda: _pairs(jobs, 5), lambda: self._lanes.append(lane))
        if self._burials:
            jobs = _cut(self._burials, 3 * commands.OUTCOMES_AT_ONCE)
            return Flight(commands.bury(keys, jobs), lambda: _pairs(jobs, 3))
        for handler in self._releases:
            return self._release(handler)
        return None

    def _release(self, handler: str) -> Flight:
        waiting = self._releases[handler]
        jobs = _cut(waiting, 2 * commands.RELEASE_AT_ONCE)
        if not waiting:
            del self._releases[handler]
        return Flight(commands.release(self._keys, handler, jobs), lambda: jobs)

    async def _fly(self, flight: Flight) -> None:
        try:
            refused = await self._link.deliver(flight.command)
            if refused and flight.command.script != "release":
                self._on_refused(refused)
        except ServerError:
            # The jobs' leases lapse, and they run again: better than a worker that stops here.
            logger.exception("outcome_not_stored", extra={"queue": self._keys.queue})
        finally:
            flight.landed()
            del self._flights[asyncio.current_task()]  # type: ignore[arg-type]
            self._moved_at = time.monotonic()
            self._send()
            self._landed.set()


def _groups(outcomes: dict[int, list[bytes]]) -> list[Argument]:
    """Take up to a thousand ids out of ``outcomes``, as fence, how many, the ids."""
    groups: list[Argument] = []
    room = COMPLETE_AT_ONCE
    while outcomes and room:
        fence, ids = next(iter(outcomes.items()))
        taken = ids if len(ids) <= room else ids[:room]
        groups += (fence, len(taken), *taken)
        room -= len(taken)
        if taken is ids:
            del outcomes[fence]
        else:
            outcomes[fence] = ids[len(taken) :]
    return groups


def _pairs(jobs: Sequence[Argument], width: int) -> list[Argument]:
    """Return id and fence out of ``jobs``, of which each has ``width`` values."""
    return [item for start in range(0, len(jobs), width) for item in jobs[start : start + 2]]


def _pairs_of(groups: Sequence[Argument]) -> list[Argument]:
    """Return id and fence of each job in ``groups``."""
    pairs: list[Argument] = []
    at = 0
    while at < len(groups):
        fence, end = groups[at], at + 2 + int(groups[at + 1])
        pairs += [item for job_id in groups[at + 2 : end] for item in (job_id, fence)]
        at = end
    return pairs


def _cut(waiting: list[Argument], most: int) -> list[Argument]:
    taken = waiting[:most]
    del waiting[:most]
    return taken
