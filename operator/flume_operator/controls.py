"""The Redis servers of all Pipelines, kept apart: one that is down delays no other's Pipelines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from flume.control import Control
from flume.errors import ServerRefusedError, ServerUnavailableError

AT_ONCE = 4
"""Calls to one Redis at a time: fewer than Pipelines are worked on at once."""
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 15.0
"""A Redis that is down is tried again after so long."""
TIMEOUT_S = 3.0
"""Of a call.  Longer than a failover's first second, short beside a run."""


@dataclass(slots=True)
class _Place:
    """One Redis."""

    control: Control
    places: asyncio.Semaphore
    failures: int = 0
    shut_until: float = 0.0
    error: str = ""
    users: int = 0
    used: float = 0.0


class Controls:
    """A ``Control`` for each address and prefix, with a back-off for each.

    Args:
        at_once: Calls to one Redis at a time.
        longest_wait_s: A Redis that is down is tried again after so long.
    """

    def __init__(self, *, at_once: int = AT_ONCE, longest_wait_s: float = LONGEST_WAIT_S) -> None:
        self._at_once = at_once
        self._longest_wait_s = longest_wait_s
        self._places: dict[tuple[str, str], _Place] = {}

    @asynccontextmanager
    async def use(self, url: str, prefix: str) -> AsyncIterator[Control]:
        """Lend the control of a Redis.

        Raises:
            ServerUnavailableError: If it did not answer lately, without asking it.
            ConfigurationError: If the URL cannot be one of Redis'.
        """
        place = self._places.get((url, prefix))
        if place is None:
            place = _Place(
                Control(url, prefix, timeout=TIMEOUT_S), asyncio.Semaphore(self._at_once)
            )
            self._places[url, prefix] = place
        loop = asyncio.get_running_loop()
        place.users += 1
        try:
            async with place.places:
                if loop.time() < place.shut_until:
                    raise ServerUnavailableError(place.error)
                yield place.control
            place.failures = 0
        except (ServerUnavailableError, ServerRefusedError) as error:
            if loop.time() >= place.shut_until:
                wait = min(self._longest_wait_s, FIRST_WAIT_S * 2.0 ** min(place.failures, 10))
                place.failures += 1
                place.shut_until, place.error = loop.time() + wait, str(error)
            raise
        finally:
            place.users -= 1
            place.used = loop.time()

    async def close_unused(self, longer_than_s: float) -> None:
        """Close the connections that nobody has used for a while: a password may have changed."""
        now = asyncio.get_running_loop().time()
        for key, place in list(self._places.items()):
            if not place.users and now - place.used > longer_than_s:
                del self._places[key]
                await place.control.close()

    async def close(self) -> None:
        """Close all connections."""
        for place in self._places.values():
            await place.control.close()
        self._places.clear()
