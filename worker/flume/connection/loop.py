"""Connections for one event loop."""

from __future__ import annotations

import asyncio
import time
from typing import Any, TypeVar

import redis.asyncio as async_redis
import redis.exceptions as refused
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from flume.commands.command import Argument, Command
from flume.commands.script import script
from flume.connection.calls import (
    CONNECT_TIMEOUT,
    SHORTEST_TIMEOUT,
    check_timeout,
    eval_,
    evalsha,
    pack,
)
from flume.connection.refusals import code_of, foreign
from flume.connection.source import Source
from flume.connection.urls import PROTOCOL, redis_url
from flume.connection.wire import Wire
from flume.errors import FlumeError

T = TypeVar("T")


class AsyncConnections:
    """Connections for one event loop: one that all calls share, and one for each that blocks.

    Args:
        url: Where Redis is; see ``redis_url``.
        timeout: Seconds until a reply must have come.

    Raises:
        ConfigurationError: If one of them cannot work.
    """

    def __init__(self, url: str | None = None, *, timeout: float = 10.0) -> None:
        self.url = redis_url(url)
        self.shift_ms = 0  # tests move the clock
        self._timeout = check_timeout(timeout)
        self._source = Source(
            async_redis.ConnectionPool.from_url,
            self.url,
            protocol=int(PROTOCOL),
            socket_timeout=None,  # each call has a timeout of its own
            socket_connect_timeout=CONNECT_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._shared: Wire | None = None
        self._blocked: set[Wire] = set()
        self._idle: list[Wire] = []  # those that blocked and were answered
        self._opening: asyncio.Future[None] | None = None

    @property
    def where(self) -> str:
        """Where Redis is, for people: without user and password."""
        return self._source.where

    @property
    def is_from_file(self) -> bool:
        """Whether the URL stands in a file, where it may change."""
        return self._source.is_file

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
        raise self._source.translate(reply) from reply

    async def call(self, *args: Argument, timeout: float | None = None) -> Any:
        """Send one plain command, such as ``"SMEMBERS", key``; none that blocks.

        Raises:
            ServerError: One of its kinds, as ``flume.errors`` says.
        """
        reply = await self._exchange(args, timeout)
        if isinstance(reply, Exception):
            raise self._source.translate(reply) from reply
        return reply

    async def block(self, *args: Argument, timeout: float) -> Any:
        """Send a command that waits in Redis, over a connection of its own.

        Raises:
            ServerError: One of its kinds; also where no reply came within ``timeout`` s.
        """
        wire = self._idle.pop() if self._idle else None
        if wire is None or not _is_usable(wire):
            wire = await self._open(self._timeout)
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
            raise self._source.translate(reply) from reply
        return reply

    async def close(self) -> None:
        """Close every connection, also those that wait for a reply; they open again when used."""
        for wire in (self._shared, *self._blocked, *self._idle):
            if wire is not None:
                wire.close()
        self._shared = None
        self._idle.clear()

    async def _exchange(self, call: tuple[Argument, ...], timeout: float | None) -> Any:
        seconds = self._timeout if timeout is None else timeout
        wire = self._shared
        if wire is None or not wire.is_open or wire.loop is not asyncio.get_running_loop():
            started = time.monotonic()
            wire = await self._share(seconds)
            seconds = max(SHORTEST_TIMEOUT, seconds - (time.monotonic() - started))
        return await self._answer(wire, call, seconds)

    async def _answer(self, wire: Wire, call: tuple[Argument, ...], timeout: float) -> Any:
        answered = wire.send(pack(call))
        timer = wire.loop.call_later(timeout, wire.give_up, answered)
        try:
            reply = await answered
        except (refused.ConnectionError, OSError) as error:  # TimeoutError is an OSError
            timer.cancel()
            raise self._source.translate(error) from error
        # A cancelled call leaves its timer: where nobody waits as long as this, as under a shorter
        # timeout of the caller's, a dead connection would be used for ever.
        timer.cancel()
        if isinstance(reply, Exception) and self._source.has_left(reply):
            wire.close()  # the next call connects again, to another server perhaps
        return reply

    async def _share(self, timeout: float) -> Wire:
        """Return the shared connection; those who come while it is opened share its failure too."""
        while self._shared is None or not _is_usable(self._shared):
            opening = self._opening
            if opening is None or opening.get_loop() is not asyncio.get_running_loop():
                return await self._open_shared(timeout)
            done, _ = await asyncio.wait([opening], timeout=timeout)
            if not done:
                raise self._source.translate(TimeoutError())
            if error := opening.exception():
                raise error
        return self._shared

    async def _open_shared(self, timeout: float) -> Wire:
        opening = self._opening = asyncio.get_running_loop().create_future()
        try:
            wire = self._shared = await self._open(timeout)
        except FlumeError as error:
            opening.set_exception(error)
            opening.exception()  # there may be nobody else to take it
            raise
        finally:
            self._opening = None
            if not opening.done():  # where this caller was cancelled, another one opens it
                opening.set_result(None)
        return wire

    async def _open(self, timeout: float) -> Wire:
        try:
            connection = self._source.make()
        except refused.RedisError as error:  # there is no URL in its file
            raise self._source.translate(error) from error
        try:
            async with asyncio.timeout(timeout):
                await connection.connect()
        except (refused.RedisError, OSError) as error:
            await connection.disconnect(nowait=True)
            raise self._source.translate(error) from error
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return Wire(connection)


def _is_usable(wire: Wire) -> bool:
    """Whether calls of this loop can go over ``wire``; one of a loop that has ended is closed."""
    if wire.loop.is_closed():
        wire.close()
    return wire.is_open and wire.loop is asyncio.get_running_loop()
