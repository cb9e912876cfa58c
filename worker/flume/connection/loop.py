"""Connections for one event loop."""

from __future__ import annotations

import asyncio
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
from flume.connection.wire import Wire

T = TypeVar("T")


class AsyncConnections:
    """Connections for one event loop: one that all calls share, and one for each that blocks.

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
            socket_timeout=None,  # each call has a timeout of its own
            socket_connect_timeout=CONNECT_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._shared: Wire | None = None
        self._blocked: set[Wire] = set()
        self._idle: list[Wire] = []  # those that blocked and were answered
        self._opening = asyncio.Lock()

    async def run(self, command: Command[T], *, timeout: float | None = None) -> T:
        """Send ``command`` once and return what its reply says.

        Raises:
            ServerError: One of its kinds, as ``flume.errors`` says.
        """
        loaded = script(command.script, self.shift_ms)
        reply = await self._exchange(evalsha(command, loaded), timeout)
        if not isinstance(reply, Exception):
            return command.read(reply)
        if code_of(reply) == "NOSCRIPT":
            reply = await self._exchange(eval_(command, loaded), timeout)
            if not isinstance(reply, Exception):
                return command.read(reply)
        if code_of(reply) == "WRONGTYPE":
            found = [await self.call("TYPE", key) for key in command.keys]
            if error := foreign(command, found, self.where):
                raise error from reply
        raise translate(reply, self.where) from reply

    async def call(self, *args: Argument) -> Any:
        """Send one plain command, such as ``"SMEMBERS", key``; none that blocks.

        Raises:
            ServerError: One of its kinds, as ``flume.errors`` says.
        """
        reply = await self._exchange(args, None)
        if isinstance(reply, Exception):
            raise translate(reply, self.where) from reply
        return reply

    async def block(self, *args: Argument, timeout: float) -> Any:
        """Send a command that waits in Redis, over a connection of its own.

        Raises:
            ServerError: One of its kinds; also where no reply came within ``timeout`` s.
        """
        wire = self._idle.pop() if self._idle else None
        if wire is None or not wire.is_open or wire.loop is not asyncio.get_running_loop():
            wire = await self._open()
        self._blocked.add(wire)
        try:
            reply = await self._answer(wire, args, timeout)
        except BaseException:
            wire.close()  # what it waits for must not be taken for nobody
            raise
        finally:
            self._blocked.discard(wire)
        self._idle.append(wire)
        if isinstance(reply, Exception):
            raise translate(reply, self.where) from reply
        return reply

    async def close(self) -> None:
        """Close every connection, also those that wait for a reply; they open again when used."""
        for wire in (self._shared, *self._blocked, *self._idle):
            if wire is not None:
                wire.close()
        self._shared = None
        self._idle.clear()

    async def _exchange(self, call: tuple[Argument, ...], timeout: float | None) -> Any:
        wire = self._shared
        if wire is None or not wire.is_open or wire.loop is not asyncio.get_running_loop():
            wire = await self._share()
        return await self._answer(wire, call, self._timeout if timeout is None else timeout)

    async def _answer(self, wire: Wire, call: tuple[Argument, ...], timeout: float) -> Any:
        # A connection that owes one reply for so long answers none of those behind it either.
        timer = wire.loop.call_later(timeout, wire.close, TimeoutError())
        try:
            reply = await wire.send(pack(call))
        except (refused.ConnectionError, OSError) as error:  # TimeoutError is an OSError
            raise translate(error, self.where) from error
        finally:
            timer.cancel()
        if isinstance(reply, Exception) and is_away(reply):
            wire.close()  # the next call connects again, to another server perhaps
        return reply

    async def _share(self) -> Wire:
        async with self._opening:
            wire = self._shared
            if wire is None or not wire.is_open or wire.loop is not asyncio.get_running_loop():
                wire = self._shared = await self._open()
            return wire

    async def _open(self) -> Wire:
        connection = self._pool.make_connection()
        try:
            async with asyncio.timeout(self._timeout):
                await connection.connect()
        except (refused.RedisError, OSError) as error:
            await connection.disconnect(nowait=True)
            raise translate(error, self.where) from error
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return Wire(connection)
