"""The Redis servers of all Pipelines, kept apart: one that is down delays no other's Pipelines.

When one that is down is asked again is said here; by whom, ``outages`` says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from flume.control import Control
from flume.errors import FlumeError, ServerRefusedError, ServerUnavailableError

AT_ONCE = 4
"""Calls to one Redis at a time: fewer than Pipelines are worked on at once."""
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 2.0
"""A Redis that is down is asked again after so long: it may be back any moment."""
REFUSED_WAIT_S = 15.0
"""The same of one that refuses the password: somebody has to change it, and it logs each try."""
TIMEOUT_S = 3.0
"""Of a call.  Longer than a failover's first second, short beside a run."""


@dataclass(slots=True)
class _Gate:
    """Lets calls through to one Redis, or none while it is down."""

    calls: asyncio.Semaphore
    failures: int = 0
    shut_until: float = 0.0
    is_refused: bool = False
    error: str = ""

    def check(self, now: float) -> None:
        if now < self.shut_until:
            raise (ServerRefusedError if self.is_refused else ServerUnavailableError)(self.error)

    def shut(self, error: FlumeError, now: float) -> None:
        if now < self.shut_until:  # another call has found out
            return
        self.is_refused, self.error = isinstance(error, ServerRefusedError), str(error)
        longest_s = REFUSED_WAIT_S if self.is_refused else LONGEST_WAIT_S
        self.shut_until = now + min(longest_s, FIRST_WAIT_S * 2.0 ** min(self.failures, 10))
        self.failures += 1


@dataclass(slots=True)
class _Place:
    """One Redis and one prefix."""

    control: Control
    users: int = 0
    used: float = 0.0


class Controls:
    """A ``Control`` for each address and prefix, with a back-off for each address.

    Args:
        at_once: Calls to one Redis at a time.
    """

    def __init__(self, *, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._gates: dict[str, _Gate] = {}
        self._places: dict[tuple[str, str], _Place] = {}

    @asynccontextmanager
    async def use(self, url: str, prefix: str) -> AsyncIterator[Control]:
        """Lend the control of a Redis.

        Raises:
            ServerUnavailableError: If it did not answer lately, without asking it.
            ServerRefusedError: The same, if it refused the user lately.
            ConfigurationError: If the URL cannot be one of Redis'.
        """
        place = self._places.get((url, prefix))
        if place is None:
            place = _Place(Control(url, prefix, timeout=TIMEOUT_S))
            self._places[url, prefix] = place
        gate = self._gates.setdefault(url, _Gate(asyncio.Semaphore(self._at_once)))
        loop = asyncio.get_running_loop()
        place.users += 1
        try:
            async with gate.calls:
                gate.check(loop.time())
                try:
                    yield place.control
                except (ServerUnavailableError, ServerRefusedError) as error:
                    gate.shut(error, loop.time())
                    raise
                gate.failures = 0
        finally:
            place.users -= 1
            place.used = loop.time()

    def wait_s(self, url: str) -> float:
        """Return after how many seconds a Redis may be asked again; 0: now."""
        gate = self._gates.get(url)
        now = asyncio.get_running_loop().time()
        return max(0.0, gate.shut_until - now) if gate is not None else 0.0

    async def close_unused(self, longer_than_s: float) -> None:
        """Close the connections that nobody has used for a while: a password may have changed."""
        now = asyncio.get_running_loop().time()
        for key, place in list(self._places.items()):
            if not place.users and now - place.used > longer_than_s:
                del self._places[key]
                await place.control.close()
        there = {url for url, _ in self._places}
        self._gates = {url: gate for url, gate in self._gates.items() if url in there}

    async def close(self) -> None:
        """Close all connections."""
        for place in self._places.values():
            await place.control.close()
        self._places.clear()
        self._gates.clear()
