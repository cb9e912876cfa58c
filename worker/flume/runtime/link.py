"""A worker's way to Redis: it goes on through an absence, and says so once."""

from __future__ import annotations

import asyncio
import logging
import time
from random import Random
from typing import TypeVar

from flume.commands.command import Command
from flume.connection import AsyncConnections
from flume.errors import ServerError, ServerUnavailableError
from flume.events import RedisAway, RedisBack, bus
from flume.runtime.reasons import Reasons

T = TypeVar("T")

FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 1.0
"""Between tries.  With a beat's half second it stays below ``SETTLE_MS`` of ``beat``."""

logger = logging.getLogger("flume.worker")


class Link:
    """Sends commands until there is an answer.

    Args:
        queue: For logs and events.
        connections: One event loop's.
        rng: Spreads the tries of many workers.
    """

    def __init__(self, queue: str, connections: AsyncConnections, *, rng: Random) -> None:
        self.connections = connections
        self.was_away = False
        """Redis could not be reached at some time since the heartbeat last asked."""
        self._queue = queue
        self._rng = rng
        self._away_since: float | None = None
        self._refusals = Reasons()

    async def deliver(self, command: Command[T]) -> T:
        """Send ``command`` until Redis answers.

        Raises:
            ServerError: If the answer is that it cannot be done, however often it is sent.
        """
        wait = FIRST_WAIT_S
        while True:
            try:
                reply = await self.connections.run(command)
            except ServerUnavailableError as error:
                self.failed(error)
            else:
                self.answered()
                return reply
            await asyncio.sleep(self._rng.uniform(wait / 2, wait))
            wait = min(LONGEST_WAIT_S, wait * 2)

    def failed(self, error: ServerError) -> None:
        """Note that Redis did not answer."""
        self.was_away = True
        if self._away_since is None:
            self._away_since = time.monotonic()
            logger.warning("redis_away", extra={"queue": self._queue, "reason": str(error)})
            bus.publish(RedisAway(self._queue))

    def answered(self) -> None:
        """Note that Redis answered."""
        if self._away_since is not None:
            away = time.monotonic() - self._away_since
            self._away_since = None
            logger.warning("redis_back", extra={"queue": self._queue, "away_s": round(away, 3)})
            bus.publish(RedisBack(self._queue, away))

    def refused(self, caller: object, error: ServerError) -> bool:
        """Note that Redis refuses the calls of one part; return whether none was told so yet."""
        return self._refusals.is_new(error, caller)

    def accepted(self, caller: object) -> None:
        """Note that Redis does not refuse them any more."""
        self._refusals.over(caller)

    @property
    def is_away(self) -> bool:
        """Whether Redis did not answer the last call."""
        return self._away_since is not None
