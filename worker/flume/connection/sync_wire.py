"""One connection of a thread: a call goes out, then its reply comes in.

redis-py opens and secures the connection; then its socket is used directly, because its framing
costs about as much as a call of ours takes in Redis.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
from typing import Any

import hiredis
import redis.exceptions as refused

_MORE = object()
_READ_BYTES = 65536  # the largest step in which the kernel hands out what has come


class SyncWire:
    """Sends calls over an open connection of redis-py's.

    Args:
        connection: Connected; it is not to be used by others any more.
        timeout: Seconds until a reply must have come, or a call have gone out; above 0.
    """

    def __init__(self, connection: Any, *, timeout: float) -> None:
        self._socket, connection._sock = connection._sock, None
        self.set_timeout(timeout)
        self._reader = hiredis.Reader(replyError=refused.ResponseError, notEnoughData=_MORE)

    def set_timeout(self, timeout: float) -> None:
        """Let each wait from now on last ``timeout`` s at most."""
        if isinstance(self._socket, ssl.SSLSocket):  # tries for ever where the kernel says "late"
            self._socket.settimeout(timeout)
        else:
            _let_kernel_time(self._socket, timeout)

    def send(self, packed: bytes) -> None:
        """Send calls."""
        self._socket.sendall(packed)

    def receive(self) -> Any:
        """Return the next reply, or the error that Redis replied with.

        Raises:
            OSError: If the connection broke or no reply came in time.
        """
        reader = self._reader
        while (reply := reader.gets()) is _MORE:
            data = self._socket.recv(_READ_BYTES)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            reader.feed(data)
        return reply

    def has_ended(self) -> bool:
        """Whether the server has closed a connection that owes no reply."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def _let_kernel_time(plain: socket.socket, timeout: float) -> None:
    """Bound each call by the kernel's clock: Python's own timeouts ask it twice more each time."""
    seconds, rest = divmod(timeout, 1)
    limit = struct.pack("ll", int(seconds), int(rest * 1e6))
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    plain.settimeout(None)
