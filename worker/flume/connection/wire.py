"""One connection of an event loop: calls go out as they come, replies come back in their order.

redis-py opens and secures the connection; then its transport is used directly, because its
streams cost more than a call of ours takes in Redis.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import hiredis
import redis.exceptions as refused

_MORE = object()


class Wire(asyncio.Protocol):
    """Sends calls over an open connection of redis-py's.

    Args:
        connection: Connected; it is not to be used by others any more.
    """

    def __init__(self, connection: Any) -> None:
        self.loop = asyncio.get_running_loop()
        self.is_open = True
        self._reader = hiredis.Reader(replyError=refused.ResponseError, notEnoughData=_MORE)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        # Streams close their transport when they are forgotten, so this one is kept.
        self._stream, connection._writer, connection._reader = connection._writer, None, None
        self._transport: asyncio.Transport = self._stream.transport
        self._transport.set_protocol(self)

    def send(self, packed: bytes) -> asyncio.Future[Any]:
        """Send one call; the future is its reply, or the error that Redis replied with."""
        answered = self.loop.create_future()
        self._waiting.append(answered)
        self._transport.write(packed)
        return answered

    def give_up(self, answered: asyncio.Future[Any]) -> None:
        """Close the connection if it still owes this reply: it answers none behind it either."""
        if answered in self._waiting:
            self.close(TimeoutError())

    def close(self, error: Exception | None = None) -> None:
        """Close the connection at once; calls without a reply end with ``error``."""
        if not self.is_open:
            return
        self.is_open = False
        if self.loop.is_closed():  # it can do nothing any more: let go of the socket
            self._transport.set_protocol(asyncio.Protocol())
            return
        # Not ``close``, which would still send what waits, to a server that may be stuck for long.
        self._transport.abort()
        self._fail(error or refused.ConnectionError("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        """Hand out the replies that ``data`` completes."""
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not _MORE:
                answered = self._waiting.popleft()
                if not answered.done():  # else its caller was cancelled
                    answered.set_result(reply)
        except (hiredis.HiredisError, IndexError) as error:  # no Redis, or none of our replies
            self.close(refused.ConnectionError(f"an answer that is no reply: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """End the calls that wait: it is not known whether they were applied."""
        self.is_open = False
        self._fail(exc or refused.ConnectionError("the server closed the connection"))

    def _fail(self, error: Exception) -> None:
        while self._waiting:
            answered = self._waiting.popleft()
            if not answered.done():
                answered.set_exception(error)
