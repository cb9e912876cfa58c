"""Lets concurrent callers of one queue and handler share round trips.

The first caller of a group sends for all of it; no task runs in the background.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from flume.job import Job
from flume.sending import Group

FLIGHTS = 2
"""Calls under way at once: while Redis works on one half of the callers, Python serves the other.

Ten callers hand in 1.7 times as many jobs as with one call for all of them, a hundred 1.8 times;
with a third call the groups get smaller and it is slower again."""


class Gatherer:
    """Gathers the jobs of callers who come while others are under way.

    Args:
        send: Sends a group, and raises where it is not stored.
    """

    def __init__(self, send: Callable[[Group], Awaitable[object]]) -> None:
        self._send = send
        self._open: _Shared | None = None  # whom the next caller joins
        self._callers = 0  # who wait for an answer
        self._most = 0  # of them, when the last group went out
        self._turn = asyncio.Semaphore(FLIGHTS)
        self._loop: asyncio.AbstractEventLoop | None = None  # that of the turns

    async def hand_in(self, job: Job, data: bytes) -> bool:
        """Send ``job`` with others; return whether it is stored.

        Where it is not, its sender was cancelled, and the job knows the call that is in doubt.
        """
        group = self._open
        if group is None:
            group = self._open = _Shared()
            self._add(group, job, data)
            return await self._lead(group)
        answered = group.join()
        self._add(group, job, data)
        return await answered

    def _add(self, group: _Shared, job: Job, data: bytes) -> None:
        """Add a job; a group that is full, or that may go and holds half the callers, is closed."""
        self._callers += 1
        if group.add(job, data) or (group.has_turn and self._is_half(group)):
            self._open = None  # the next caller starts another

    def _is_half(self, group: _Shared) -> bool:
        """Whether others enough are left for another group: two of one job each are slower."""
        return 4 <= self._most <= FLIGHTS * len(group.jobs)

    async def _lead(self, group: _Shared) -> bool:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # a program may run one loop after the other
            self._loop, self._turn = loop, asyncio.Semaphore(FLIGHTS)
            self._callers = len(group.jobs)
        try:
            async with self._turn:
                group.has_turn = True
                if self._is_half(group):
                    self._close(group)
                await asyncio.sleep(0)  # callers who were just answered come again at once
                self._close(group)
                self._most = self._callers
                await self._send(group)
        except Exception as error:
            group.fail(error)
            raise
        except BaseException:
            group.answer(False)
            raise
        finally:
            self._callers -= len(group.jobs)
            self._close(group)  # whatever happened, nobody joins it any more
        group.answer(True)
        return True

    def _close(self, group: _Shared) -> None:
        if self._open is group:
            self._open = None


class _Shared(Group):
    """Jobs that go out in one call, and who waits for it.

    The first job is the leader's; each other one has a waiting caller in the same order.
    """

    __slots__ = ("_loop", "_waiting", "has_turn")

    def __init__(self) -> None:
        super().__init__()
        self.has_turn = False
        """Its leader waits for nobody any more."""
        self._loop = asyncio.get_running_loop()
        self._waiting: list[asyncio.Future[bool]] = []

    def join(self) -> asyncio.Future[bool]:
        """Return the answer to come for the job that is added next."""
        answered: asyncio.Future[bool] = self._loop.create_future()
        self._waiting.append(answered)
        return answered

    def answer(self, answer: bool) -> None:
        for answered in self._waiting:
            if not answered.done():
                answered.set_result(answer)

    def fail(self, error: Exception) -> None:
        for answered in self._waiting:
            if not answered.done():
                answered.set_exception(error)
