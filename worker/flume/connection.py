"""Connections to Redis: sync and async pools that send a ``Command`` and read its reply.

redis-py makes, secures and frames the connections.  Its own retries are off, because a resend is
safe only for calls that are built for it; who may send again is decided by the callers here.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeVar
from urllib.parse import urlsplit

import redis.asyncio as async_redis
import redis.exceptions as refused
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.asyncio.retry import Retry as AsyncRetry
from redis.retry import Retry

from flume.commands.command import Argument, Command
from flume.commands.script import Script, script
from flume.errors import (
    ConfigurationError,
    FlumeError,
    ForeignDataError,
    ServerError,
    ServerFullError,
    ServerRefusedError,
    ServerUnavailableError,
)

T = TypeVar("T")

DEFAULT_URL = "redis://127.0.0.1:6379/0"
CONNECT_TIMEOUT = 5.0
"""Seconds until a connection must stand: longer than a SYN that was lost twice (3 s)."""

# Answers of a server that is starting, failing over, or not the primary any more.
_AWAY = ("LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "UNBLOCKED")


def redis_url(url: str | None) -> str:
    """Return ``url``, or the environment's FLUME_REDIS_URL, or the local default.

    Raises:
        ConfigurationError: If it is not a redis://, rediss:// or unix:// URL.
    """
    chosen = url or os.environ.get("FLUME_REDIS_URL") or DEFAULT_URL
    if urlsplit(chosen).scheme not in ("redis", "rediss", "unix"):
        raise ConfigurationError(
            f"the Redis URL starts with {urlsplit(chosen).scheme or 'no scheme'!r}: use "
            "redis://host:6379/0, rediss:// for TLS, or unix:///path/to/socket."
        )
    return chosen


def address(url: str) -> str:
    """Return ``url`` for people: without user, password and query."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    return f"{parts.scheme}://{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"


def _translate(error: Exception, where: str) -> FlumeError:
    """Return our error for one of redis-py's."""
    first = str(error).split(" ", 1)[0]
    if isinstance(error, refused.AuthenticationError | refused.NoPermissionError) or first in (
        "NOPERM",
        "NOAUTH",
        "WRONGPASS",
    ):
        return ServerRefusedError(
            f"Redis at {where} refused this user: {first}. Check the user and password in the "
            "URL, and its rights with `flume doctor`."
        )
    if isinstance(error, refused.ConnectionError | refused.TimeoutError | OSError) or (
        first in _AWAY or isinstance(error, refused.ReadOnlyError)
    ):
        return ServerUnavailableError(
            f"Redis at {where} did not answer ({type(error).__name__}). Check that it runs and "
            "can be reached from here."
        )
    if first == "OOM" or isinstance(error, refused.OutOfMemoryError):
        return ServerFullError(
            f"Redis at {where} is full: it refuses to store more, and nothing was stored. Raise "
            "maxmemory, or let workers drain the queues (they go on)."
        )
    if first == "MISCONF":
        return ServerError(
            f"Redis at {where} refuses writes because it cannot save to disk (MISCONF). Check its "
            "disk and its log."
        )
    if first == "WRONGTYPE" or "user_script" in str(error):
        return ForeignDataError(
            f"a script found data at {where} that Flume did not write ({str(error)[:200]}). "
            "Look at the queue's keys, or give Flume a key prefix of its own."
        )
    return ServerError(f"Redis at {where} refused a call: {str(error)[:200]}")


def _foreign(command: Command[Any], found: Sequence[bytes], where: str) -> ForeignDataError | None:
    """Return an error that names the key of a wrong type."""
    expected = script(command.script).key_types(len(command.keys))
    for key, kind, allowed in zip(command.keys, found, expected, strict=False):
        name = kind.decode() if isinstance(kind, bytes) else str(kind)
        if name not in ("none", *allowed):
            return ForeignDataError(
                f"the key {key} at {where} is a {name}, and Flume keeps a "
                f"{' or '.join(allowed)} there. Rename or delete that key, or give Flume a key "
                "prefix of its own."
            )
    return None


def _evalsha(command: Command[Any], loaded: Script) -> tuple[Argument, ...]:
    return ("EVALSHA", loaded.sha, len(command.keys), *command.keys, *command.args)


def _eval(command: Command[Any], loaded: Script) -> tuple[Argument, ...]:
    return ("EVAL", loaded.source, len(command.keys), *command.keys, *command.args)


class SyncConnections:
    """Connections for threads: each call takes one for its duration.

    Args:
        url: Where Redis is; see ``redis_url``.
        timeout: Seconds until a reply must have come.
    """

    def __init__(self, url: str | None = None, *, timeout: float = 10.0) -> None:
        self.url = redis_url(url)
        self.where = address(self.url)
        self.shift_ms = 0  # tests move the clock
        self._pool = ConnectionPool.from_url(
            self.url,
            protocol=2,
            socket_timeout=timeout,
            socket_connect_timeout=CONNECT_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._idle: deque[Any] = deque()
        self._pid = os.getpid()

    def run(self, command: Command[T]) -> T:
        """Send ``command`` once and return what its reply says.

        Raises:
            ServerError: One of its kinds, as ``flume.errors`` says.
        """
        return self.run_all([command])[0]

    def run_all(self, commands: Sequence[Command[T]]) -> list[T]:
        """Send several commands in one go; the first failure is raised after all were read."""
        scripts = [script(command.script, self.shift_ms) for command in commands]
        calls = [_evalsha(c, s) for c, s in zip(commands, scripts, strict=True)]
        replies = self._exchange(calls)
        for index, reply in enumerate(replies):
            if isinstance(reply, refused.NoScriptError):
                replies[index] = self._exchange([_eval(commands[index], scripts[index])])[0]
        return [self._read(c, reply) for c, reply in zip(commands, replies, strict=True)]

    def run_overlapped(self, commands: Iterable[Command[T]]) -> Iterator[T | FlumeError]:
        """Yield the reply of each command, or its error; the next is on its way meanwhile.

        Two commands at most are under way, in order.  After a cut those come back as
        ``ServerUnavailableError`` and the rest go over a new connection.
        """
        under_way: deque[Command[T]] = deque()
        connection = self._take()
        for command in chain(commands, (None, None)):  # the Nones read what is still under way
            try:
                if command is not None:
                    under_way.append(command)
                    call = _evalsha(command, script(command.script, self.shift_ms))
                    connection.send_command(*call, check_health=False)
                if len(under_way) < (1 if command is None else 2):
                    continue
                reply = self._reply(connection)
            except (refused.RedisError, OSError) as error:
                connection.disconnect()  # it connects again with the next command
                while under_way:
                    under_way.popleft()
                    yield _translate(error, self.where)
                continue
            yield self._outcome(under_way.popleft(), reply)
        self._idle.append(connection)

    def _outcome(self, command: Command[T], reply: Any) -> T | FlumeError:
        try:
            if isinstance(reply, refused.NoScriptError):
                return self.run(command)
            return self._read(command, reply)
        except FlumeError as error:
            return error

    def call(self, *args: Argument) -> Any:
        """Send one plain command, such as ``"SMEMBERS", key``."""
        (reply,) = self._exchange([args])
        if isinstance(reply, Exception):
            raise _translate(reply, self.where) from reply
        return reply

    def close(self) -> None:
        """Close every idle connection."""
        while self._idle:
            self._idle.pop().disconnect()

    def _read(self, command: Command[T], reply: Any) -> T:
        if not isinstance(reply, Exception):
            return command.read(reply)
        if str(reply).startswith("WRONGTYPE"):
            found = self._exchange([("TYPE", key) for key in command.keys])
            if error := _foreign(command, found, self.where):
                raise error from reply
        raise _translate(reply, self.where) from reply

    def _exchange(self, calls: Sequence[tuple[Argument, ...]]) -> list[Any]:
        connection = self._take()
        try:
            if len(calls) == 1:
                connection.send_command(*calls[0], check_health=False)
            else:
                connection.send_packed_command(connection.pack_commands(calls), check_health=False)
            replies = [self._reply(connection) for _ in calls]
        except (refused.RedisError, OSError) as error:
            connection.disconnect()
            raise _translate(error, self.where) from error
        except BaseException:
            connection.disconnect()  # a half-read reply must not meet the next call
            raise
        self._idle.append(connection)
        return replies

    def _reply(self, connection: Any) -> Any:
        try:
            return connection.read_response()
        except refused.ConnectionError:  # also LOADING and a wrong password
            raise
        except refused.ResponseError as error:
            return error

    def _take(self) -> Any:
        if self._pid != os.getpid():  # a fork shares sockets: leave them to the parent
            self._idle = deque()
            self._pid = os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return self._pool.make_connection()


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
        self._pool = async_redis.ConnectionPool.from_url(
            self.url,
            protocol=2,
            socket_timeout=None,  # one timeout around a whole call costs less than one a step
            socket_connect_timeout=CONNECT_TIMEOUT,
            retry=AsyncRetry(NoBackoff(), 0),
        )
        self._idle: deque[Any] = deque()
        self._busy: set[Any] = set()

    async def run(self, command: Command[T], *, timeout: float | None = None) -> T:
        """Send ``command`` once and return what its reply says.

        Raises:
            ServerError: One of its kinds, as ``flume.errors`` says.
        """
        loaded = script(command.script, self.shift_ms)
        reply = await self._exchange(_evalsha(command, loaded), timeout)
        if isinstance(reply, refused.NoScriptError):
            reply = await self._exchange(_eval(command, loaded), timeout)
        if not isinstance(reply, Exception):
            return command.read(reply)
        if str(reply).startswith("WRONGTYPE"):
            found = [await self.call("TYPE", key) for key in command.keys]
            if error := _foreign(command, found, self.where):
                raise error from reply
        raise _translate(reply, self.where) from reply

    async def call(self, *args: Argument, timeout: float | None = None) -> Any:
        """Send one plain command, such as ``"SMEMBERS", key``."""
        reply = await self._exchange(args, timeout)
        if isinstance(reply, Exception):
            raise _translate(reply, self.where) from reply
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
                await connection.send_command(*call, check_health=False)
                reply = await connection.read_response()
        except (refused.ConnectionError, TimeoutError, refused.TimeoutError, OSError) as error:
            await connection.disconnect(nowait=True)
            raise _translate(error, self.where) from error
        except refused.ResponseError as error:
            reply = error
        except BaseException:
            await connection.disconnect(nowait=True)  # a late reply must not meet the next call
            raise
        finally:
            self._busy.discard(connection)
        self._idle.append(connection)
        return reply
