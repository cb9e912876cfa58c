"""Lets concurrent callers of one queue and handler share round trips.

The first caller of a group sends for all of it; no task runs in the background.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from flume.job import Job
from flume.sending import Group


class Gatherer:
    """Gathers the jobs of callers who come while others are under way.

    Args:
        send: Sends a group, and raises where it is not stored.
    """

    def __init__(self, send: Callable[[Group], Awaitable[object]]) -> None:
        self._send = send
        self._open: _Shared | None = None  # whom the next caller joins
        self._turn = asyncio.Lock()  # one call under way lets others gather; two halves cost more
        self._loop: asyncio.AbstractEventLoop | None = None  # the lock's

    async def hand_in(self, job: Job, data: bytes) -> bool:
        """Send ``job`` with others; return whether it is stored.

        Where it is not, its sender was cancelled, and the job knows the call that is in doubt.
        """
        group = self._open
        if group is None:
            group = self._open = _Shared()
            group.add(job, data)
            return await self._lead(group)
        answered = group.join()
        if group.add(job, data):
            self._open = None  # it is full: the next caller starts another
        return await answered

    async def _lead(self, group: _Shared) -> bool:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # a program may run one loop after the other
            self._loop, self._turn = loop, asyncio.Lock()
        try:
            async with self._turn:
                await asyncio.sleep(0)  # callers who were just answered come again at once
                self._close(group)
                await self._send(group)
        except Exception as error:
            group.fail(error)
            raise
        except BaseException:
            group.answer(False)
            raise
        finally:
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

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[asyncio.Future[bool]] = []

    def join(self) -> asyncio.Future[bool]:
        """Return the answer to come for the job that is added next."""
        answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
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
