"""Connections for one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, TypeVar

import redis.asyncio as async_redis
import redis.exceptions as refused
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from flume.commands.command import Argument, Command
from flume.commands.script import script
from flume.connection.calls import CONNECT_TIMEOUT, eval_, evalsha, pack
from flume.connection.refusals import code_of, foreign, is_away, translate
from flume.connection.urls import address, redis_url

T = TypeVar("T")


class AsyncConnections:
    """Connections for one event loop: each call takes one for its duration.

    Args:
        url: Where Redis is; see ``redis_url``.
        timeout: Seconds until a reply must have come.
    """

    def __init__(self, url: str | None = None, *, timeout: float = 10.0) -> None:
        self.url = redis_url(url)
        self.where = address(self.url)
        self.shift_ms = 0  # tests move the clock
        self._timeout = timeout
        self._pool: Any = async_redis.ConnectionPool.from_url(
            self.url,
            protocol=2,
            socket_timeout=None,  # one timeout around a whole call costs less than one a step
            socket_connect_timeout=CONNECT_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._idle: deque[Any] = deque()
        self._busy: set[Any] = set()

    async def run(self, command: Command[T], *, timeout: float | None = None) -> T:
        """Send ``command`` once and return what its reply says.

        Raises:
            ServerError: One of its kinds, as ``flume.errors`` says.
        """
        loaded = script(command.script, self.shift_ms)
        reply = await self._exchange(evalsha(command, loaded), timeout)
        if isinstance(reply, refused.NoScriptError):
            reply = await self._exchange(eval_(command, loaded), timeout)
        if not isinstance(reply, Exception):
            return command.read(reply)
        if code_of(reply) == "WRONGTYPE":
            found = [await self.call("TYPE", key) for key in command.keys]
            if error := foreign(command, found, self.where):
                raise error from reply
        raise translate(reply, self.where) from reply

    async def call(self, *args: Argument, timeout: float | None = None) -> Any:
        """Send one plain command, such as ``"SMEMBERS", key``."""
        reply = await self._exchange(args, timeout)
        if isinstance(reply, Exception):
            raise translate(reply, self.where) from reply
        return reply

    async def close(self) -> None:
        """Close every connection, also those that wait for a reply."""
        for connection in (*self._idle, *self._busy):
            await connection.disconnect(nowait=True)
        self._idle.clear()

    async def _exchange(self, call: tuple[Argument, ...], timeout: float | None) -> Any:
        connection = self._idle.pop() if self._idle else self._pool.make_connection()
        self._busy.add(connection)
        try:
            async with asyncio.timeout(self._timeout if timeout is None else timeout):
                # not its send_command: async connections of redis-py pack in Python
                await connection.send_packed_command(pack(call), check_health=False)
                reply = await connection.read_response()
        except (refused.ConnectionError, TimeoutError, refused.TimeoutError, OSError) as error:
            await connection.disconnect(nowait=True)
            raise translate(error, self.where) from error
        except refused.ResponseError as error:
            if is_away(error):
                await connection.disconnect(nowait=True)  # the next call connects again
            reply = error
        except BaseException:
            await connection.disconnect(nowait=True)  # a late reply must not meet the next call
            raise
        finally:
            self._busy.discard(connection)
        self._idle.append(connection)
        return reply
