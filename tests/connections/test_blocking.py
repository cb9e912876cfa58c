"""Calls that wait in Redis, each on a connection of its own."""

from __future__ import annotations

import asyncio

import pytest

from flume.connection import AsyncConnections
from flume.errors import ServerError, ServerUnavailableError
from tests.connections.conftest import TIMEOUT
from tests.support.proxy import Proxy
from tests.support.scripted import Scripted, says
from tests.support.servers import Server
from tests.support.waiting import wait_until_async


def wait_for_marker(calls: AsyncConnections) -> asyncio.Task[object]:
    """Wait for a marker in the zset ``wake``, as an idle worker does."""
    return asyncio.Task(calls.block("BZPOPMIN", "wake", "5", timeout=10))


async def until_blocked(server: Server, count: int) -> None:
    """Wait until so many connections wait in the server."""
    await wait_until_async(
        lambda: server.call("INFO", "clients")["blocked_clients"] == count,
        what=f"{count} blocked clients",
    )


async def test_a_call_that_waits_in_redis_holds_up_no_other(
    calls: AsyncConnections, server: Server
) -> None:
    """On the shared connection it would delay every reply behind it."""
    waiting = wait_for_marker(calls)
    await until_blocked(server, 1)
    answer = await calls.call("PING")
    await calls.call("ZADD", "wake", 0, "1")

    assert answer == b"PONG"
    assert await waiting == [b"wake", b"1", b"0"]


async def test_its_connection_serves_the_next_one(calls: AsyncConnections) -> None:
    """An idle worker asks every two seconds, and each would open a connection."""
    one = await calls.block("CLIENT", "ID", timeout=5)
    again = await calls.block("CLIENT", "ID", timeout=5)
    both = await asyncio.gather(*(calls.block("CLIENT", "ID", timeout=5) for _ in range(2)))

    assert one == again
    assert len(set(both)) == 2
    assert await calls.call("CLIENT", "ID") not in both


async def test_close_interrupts_it(calls: AsyncConnections, server: Server) -> None:
    """A worker that ends does not wait for its turn to end."""
    waiting = wait_for_marker(calls)
    await until_blocked(server, 1)
    await calls.close()

    with pytest.raises(ServerUnavailableError):
        await waiting
    assert await calls.call("PING") == b"PONG"


async def test_one_that_is_cancelled_takes_nothing_more(
    calls: AsyncConnections, server: Server
) -> None:
    """Redis would give it the next marker, which nobody reads then."""
    waiting = wait_for_marker(calls)
    await until_blocked(server, 1)
    waiting.cancel()
    await until_blocked(server, 0)
    await calls.call("ZADD", "wake", 0, "1")

    assert await calls.call("ZCARD", "wake") == 1


async def test_one_that_is_not_answered_ends_in_time(calls: AsyncConnections, proxy: Proxy) -> None:
    """Redis answers after the time it was told to wait, unless it has gone."""
    await calls.block("PING", timeout=5)
    proxy.stall()
    with pytest.raises(ServerUnavailableError):
        await calls.block("BZPOPMIN", "wake", "0.1", timeout=TIMEOUT)
    proxy.heal()

    assert await calls.block("BZPOPMIN", "wake", "0.01", timeout=5) is None


async def test_a_refusal_is_told_and_its_connection_goes_on(calls: AsyncConnections) -> None:
    """A key of the wrong type is no reason to connect again."""
    before = await calls.block("CLIENT", "ID", timeout=5)
    await calls.call("SET", "wake", "text")
    with pytest.raises(ServerError):
        await calls.block("BZPOPMIN", "wake", "1", timeout=5)

    assert await calls.block("CLIENT", "ID", timeout=5) == before


async def test_one_that_a_failover_ends_connects_again() -> None:
    """A primary that becomes a replica tells those who wait so."""
    gone = b"-UNBLOCKED force unblock from blocking operation, instance state changed\r\n"
    with Scripted(says(gone), says(b"*-1\r\n")) as server:
        calls = AsyncConnections(server.url)
        with pytest.raises(ServerUnavailableError):
            await calls.block("BZPOPMIN", "wake", "1", timeout=5)

        assert await calls.block("BZPOPMIN", "wake", "1", timeout=5) is None
        await calls.close()


async def test_a_server_that_cannot_be_reached_is_told(calls: AsyncConnections) -> None:
    """The worker goes on without a marker, and looks again by itself."""
    away = AsyncConnections("redis://127.0.0.1:1/0")

    with pytest.raises(ServerUnavailableError):
        await away.block("BZPOPMIN", "wake", "1", timeout=5)
