"""A clock that tests set: Redis' time, as Flume's scripts see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flume.client import AsyncClient
    from flume.sync_client import Client

_MS = timedelta(milliseconds=1)


class Clock:
    """Moves the time by which scheduled jobs become due, back-off ends and leases run out.

    Redis' own clock stays as it is: the scripts of these clients, and of ``run_until_empty`` with
    one of them, see it moved.  Other clients and workers do not, so give the clock all clients of
    a test.

    Args:
        *clients: Those whose scripts see the time moved.
    """

    def __init__(self, *clients: Client | AsyncClient) -> None:
        self._clients: list[Client | AsyncClient] = []
        self._shift = timedelta(0)
        self.add(*clients)

    def add(self, *clients: Client | AsyncClient) -> None:
        """Let more clients see this time."""
        self._clients += clients
        self._set(self._shift)

    @property
    def shift_ms(self) -> int:
        """How far the time is moved; for the ``WorkerConfig`` of a worker made by a test."""
        return self._shift // _MS

    def advance(self, by: timedelta) -> None:
        """Move the time on.

        Raises:
            ValueError: If ``by`` is negative: leases and due times would not follow.
        """
        if by < timedelta(0):
            raise ValueError(f"the clock would go back by {-by}: it only moves on")
        self._set(self._shift + by)

    def now(self) -> datetime:
        """Return the time as this machine's clock has it, moved like the scripts' time."""
        return datetime.now(UTC) + self._shift

    def reset(self) -> None:
        """Go back to the real time, and let go of the clients."""
        self._set(timedelta(0))
        self._clients.clear()

    def _set(self, shift: timedelta) -> None:
        self._shift = shift
        for client in self._clients:
            client._connections.shift_ms = self.shift_ms
