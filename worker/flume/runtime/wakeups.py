"""What a fetcher waits for while it claims nothing: a marker, a change of the pauses, or a time.

When it waits for which is left to ``fetcher``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from flume.commands.command import text
from flume.errors import ServerError, ServerUnavailableError
from flume.keys import Keys
from flume.runtime.link import FIRST_WAIT_S, Link

BLOCK_S = 3.0
"""Longest wait for a marker before the lists are looked at again; a marker can be lost with the
connection that took it.  An idle worker makes one call for this and one for the look, for each of
up to four kinds of handlers: with two a second of the heartbeat, below 5 calls a second."""
ANSWER_S = 1.0
"""How long after the end of a wait its answer may come: a connection that died in silence is
noticed then.  Ten times as long as a server may take to see that a wait is over."""
NO_CHANGE = "0-0"
"""Before the first change of a queue's pauses."""


class Wakeups:
    """Waits for one fetcher; each wait has a bound, and can be cut short.

    Args:
        keys: Of the queue.
        names: Of the handlers whose lists the fetcher claims from.
        link: To Redis.
        spawn: Starts a task of the worker's group.
    """

    def __init__(
        self,
        keys: Keys,
        names: Sequence[str],
        link: Link,
        *,
        spawn: Callable[..., asyncio.Task[Any]],
    ) -> None:
        self._markers = [keys.wake(name) for name in names]
        self._pauses = keys.pauses
        self._link = link
        self._spawn = spawn
        self._waiting: asyncio.Task[Any] | None = None
        self._change = NO_CHANGE

    def cut_short(self) -> None:
        """End the wait under way."""
        if self._waiting is not None:
            self._waiting.cancel()

    async def time(self, seconds: float) -> None:
        """Wait for so many seconds."""
        await self._wait(lambda: asyncio.sleep(seconds))

    async def marker(self, seconds: float, *, most: float | None = None) -> None:
        """Block until a marker says that jobs are ready: who takes it looks at the lists.

        Args:
            seconds: Longest wait, as Redis is told it.
            most: Seconds after which the wait ends here: a server ends a block when its own timer
                comes round.
        """
        call, within = ("BZPOPMIN", *self._markers, f"{seconds:.3f}"), seconds + ANSWER_S
        await self._wait(lambda: self._link.connections.block(*call, timeout=within), most)

    async def change(self, seconds: float) -> bool:
        """Block until the pauses change; return whether they have.  New jobs wake nobody meanwhile.

        It is a change after the last one seen here, which was seen before the claim.  Whatever
        happened between that claim and this call is a change after it.  Reading takes nothing
        away, so that one resume wakes every paused worker at once.
        """
        before = self._change
        await self._wait(lambda: self._read_change(seconds))
        return self._change != before

    async def _read_change(self, seconds: float) -> None:
        ms = round(seconds * 1000)
        call = ("XREAD", "COUNT", 1, "BLOCK", ms, "STREAMS", self._pauses, self._change)
        reply = await self._link.connections.block(*call, timeout=seconds + ANSWER_S)
        if reply:
            self._change = text(reply[0][1][-1][0])

    async def _wait(
        self, wait: Callable[[], Coroutine[Any, Any, Any]], most: float | None = None
    ) -> None:
        """Await something that ``cut_short``, or ``most`` seconds, may end."""
        self._waiting = self._spawn(_unless_refused(wait))
        try:
            # does not raise when it is cut short
            await asyncio.wait([self._waiting], timeout=most)
        finally:
            self._waiting.cancel()
            self._waiting = None


async def _unless_refused(wait: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Wait; an error would end the whole group, and the next claim says it.

    The coroutine is made here, because a task that is cancelled before it began awaits nothing.
    """
    try:
        await wait()
    except ServerUnavailableError:
        await asyncio.sleep(FIRST_WAIT_S)
    except ServerError:
        await asyncio.sleep(BLOCK_S)
