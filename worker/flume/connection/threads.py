"""Connections for threads."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeVar

import hiredis
import redis.exceptions as refused
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry

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
from flume.connection.sync_wire import SyncWire
from flume.connection.urls import PROTOCOL, redis_url
from flume.errors import FlumeError

T = TypeVar("T")


class SyncConnections:
    """Connections for threads: each call takes one for its duration.

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
            ConnectionPool.from_url,
            self.url,
            protocol=int(PROTOCOL),
            socket_timeout=timeout,
            socket_connect_timeout=min(CONNECT_TIMEOUT, timeout),
            retry=Retry(NoBackoff(), 0),
        )
        self._idle: deque[SyncWire] = deque()
        self._pid = os.getpid()

    @property
    def where(self) -> str:
        """Where Redis is, for people: without user and password."""
        return self._source.where

    def set_timeout(self, timeout: float) -> None:
        """Give a call up after so many seconds from now on; a connection in use keeps its own."""
        if timeout != self._timeout:
            self._timeout = check_timeout(timeout)
            self.close()

    def run(self, command: Command[T], *, timeout: float | None = None) -> T:
        """Send ``command`` once and return what its reply says.

        Args:
            command: What to send.
            timeout: Seconds for it, connecting included; None: that of these connections.

        Raises:
            ServerError: One of its kinds, as ``flume.errors`` says.
        """
        loaded = script(command.script, self.shift_ms)
        reply = self._exchange(evalsha(command, loaded), timeout)
        if isinstance(reply, Exception) and code_of(reply) == "NOSCRIPT":
            reply = self._exchange(eval_(command, loaded), timeout)
        return self._read(command, reply)

    def run_overlapped(
        self, commands: Iterable[Command[T]], *, timeout: float | None = None
    ) -> Iterator[T | FlumeError]:
        """Yield the reply of each command, or its error; the next is on its way meanwhile.

        Two commands at most are under way, in order.  After a cut those come back as
        ``ServerUnavailableError`` and the rest go over a new connection.

        Args:
            commands: What to send.
            timeout: Seconds for the first one, connecting included; None, and for each other one
                after the one before: that of these connections.
        """
        under_way: deque[Command[T]] = deque()
        wire: SyncWire | None = None
        try:
            for command in chain(commands, (None, None)):  # the Nones read what is under way
                try:
                    if command is not None:
                        under_way.append(command)
                        if wire is None:
                            wire = self._take() if timeout is None else self._take_for(timeout)
                        wire.send(pack(evalsha(command, script(command.script, self.shift_ms))))
                    if wire is None or len(under_way) < (1 if command is None else 2):
                        continue
                    reply = wire.receive()
                    if timeout is not None:
                        wire.set_timeout(self._timeout)
                        timeout = None
                    if isinstance(reply, Exception) and self._source.has_left(reply):
                        raise reply  # what is under way went to the wrong server as well
                except _BROKEN as error:
                    _closed(wire)
                    wire = timeout = None
                    while under_way:
                        under_way.popleft()
                        yield self._source.translate(error)
                    continue
                outcome = self._outcome(under_way.popleft(), reply)
                yield outcome
        finally:
            if under_way:  # the next command could not be made: a late reply must meet no other
                _closed(wire)
            elif wire is not None:
                self._idle.append(wire)

    def _outcome(self, command: Command[T], reply: Any) -> T | FlumeError:
        try:
            if isinstance(reply, Exception) and code_of(reply) == "NOSCRIPT":
                return self.run(command)
            return self._read(command, reply)
        except FlumeError as error:
            return error

    def call(self, *args: Argument, timeout: float | None = None) -> Any:
        """Send one plain command, such as ``"SMEMBERS", key``.

        Raises:
            ServerError: One of its kinds, as ``flume.errors`` says.
        """
        self._leave_ended()
        reply = self._exchange(args, timeout)
        if isinstance(reply, Exception):
            raise self._source.translate(reply) from reply
        return reply

    def call_all(self, calls: Sequence[tuple[Argument, ...]]) -> list[Any]:
        """Send plain commands over one connection; an error comes back in its reply's place.

        Raises:
            ServerError: If not all of them were answered.
        """
        self._leave_ended()
        return self._converse(b"".join(map(pack, calls)), len(calls))

    def close(self) -> None:
        """Close every idle connection."""
        while self._idle:
            self._idle.pop().close()

    def _read(self, command: Command[T], reply: Any) -> T:
        if not isinstance(reply, Exception):
            return command.read(reply)
        if code_of(reply) == "WRONGTYPE":
            found = [self._exchange(("TYPE", key)) for key in command.keys]
            if error := foreign(command, found, self.where):
                raise error from reply
        raise self._source.translate(reply) from reply

    def _exchange(self, call: tuple[Argument, ...], timeout: float | None = None) -> Any:
        """Send one call; return its reply, or the error that Redis replied with."""
        return self._converse(pack(call), 1, timeout)[0]

    def _converse(self, packed: bytes, count: int, timeout: float | None = None) -> list[Any]:
        wire: SyncWire | None = None
        try:
            wire = self._take() if timeout is None else self._take_for(timeout)
            wire.send(packed)
            replies = [wire.receive() for _ in range(count)]
        except _BROKEN as error:
            _closed(wire)
            raise self._source.translate(error) from error
        except BaseException:
            _closed(wire)  # a half-read reply must not meet the next call
            raise
        for reply in replies:
            if isinstance(reply, Exception) and self._source.has_left(reply):
                wire.close()  # the next call connects again, to another server perhaps
                return replies
        if timeout is not None:
            wire.set_timeout(self._timeout)
        self._idle.append(wire)
        return replies

    def _leave_ended(self) -> None:
        """Close what the server has closed meanwhile.  Scripts are sent again, and need no look."""
        while self._idle:
            try:
                wire = self._idle.pop()
            except IndexError:  # another thread took it
                return
            if not wire.has_ended():
                self._idle.append(wire)
                return
            wire.close()

    def _take(self, most: float | None = None) -> SyncWire:
        if self._pid != os.getpid():  # a fork shares connections: they stay the parent's
            self._pid = os.getpid()
            self.close()
        try:
            return self._idle.pop()
        except IndexError:
            connection = self._source.make()
            if most is not None:  # redis-py times the connecting and each greeting by these
                connection.socket_timeout = most
                connection.socket_connect_timeout = min(CONNECT_TIMEOUT, most)
            connection.connect()
            return SyncWire(connection, timeout=self._timeout)

    def _take_for(self, timeout: float) -> SyncWire:
        """Take a connection that has ``timeout`` for the next call, opening it included."""
        started = time.monotonic()
        wire = self._take(timeout)
        wire.set_timeout(max(SHORTEST_TIMEOUT, timeout - (time.monotonic() - started)))
        return wire


_BROKEN = (refused.RedisError, hiredis.HiredisError, OSError)


def _closed(wire: SyncWire | None) -> None:
    if wire is not None:
        wire.close()
