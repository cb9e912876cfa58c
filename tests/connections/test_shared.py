"""The one connection that all calls of an event loop share."""

from __future__ import annotations

import asyncio
import time

import pytest

from flume.connection import AsyncConnections
from flume.errors import ConfigurationError, ServerError, ServerUnavailableError
from tests.connections.conftest import TIMEOUT
from tests.support.proxy import Proxy
from tests.support.scripted import Scripted, hangs_up, nothing, says
from tests.support.servers import Server
from tests.support.waiting import wait_until_async


async def test_calls_that_meet_share_one_connection_and_get_their_own_replies(
    calls: AsyncConnections,
) -> None:
    """Hundreds of callers must not mean hundreds of connections, nor each other's replies."""
    ids = await asyncio.gather(*(calls.call("CLIENT", "ID") for _ in range(50)))
    echoes = await asyncio.gather(*(calls.call("ECHO", number) for number in range(500)))

    assert len(set(ids)) == 1
    assert echoes == [str(number).encode() for number in range(500)]


async def test_large_replies_arrive_whole_among_small_ones(calls: AsyncConnections) -> None:
    """They come in pieces, and a piece may end in the middle of anything."""
    texts = [str(number) * (300_000 if number % 3 == 0 else 1) for number in range(10)]

    echoes = await asyncio.gather(*(calls.call("ECHO", text) for text in texts))

    assert echoes == [text.encode() for text in texts]


async def test_a_connection_that_ends_within_a_reply_ends_all_calls_and_opens_again() -> None:
    """Half a reply is none: it is not known what was applied."""
    with Scripted(hangs_up(b"$5\r\nhel"), says(b"$5\r\nhello\r\n")) as server:
        calls = AsyncConnections(server.url)
        failed = await asyncio.gather(
            *(calls.call("GET", "key") for _ in range(3)), return_exceptions=True
        )
        answer = await calls.call("GET", "key")
        await calls.close()

    assert [type(error) for error in failed] == [ServerUnavailableError] * 3
    assert answer == b"hello"


async def test_a_call_that_is_not_answered_ends_in_time_and_all_behind_it(
    calls: AsyncConnections, proxy: Proxy
) -> None:
    """A connection that stands still says nothing by itself, for a quarter of an hour."""
    await calls.call("PING")
    proxy.stall()
    began = time.monotonic()
    failed = await asyncio.gather(*(calls.call("PING") for _ in range(3)), return_exceptions=True)
    took = time.monotonic() - began
    proxy.heal()

    assert [type(error) for error in failed] == [ServerUnavailableError] * 3
    assert TIMEOUT * 0.9 <= took < 3 * TIMEOUT
    assert await calls.call("PING") == b"PONG"


async def test_a_cancelled_caller_disturbs_no_other(calls: AsyncConnections, proxy: Proxy) -> None:
    """Its reply still comes, and must not be taken for the next one's."""
    await calls.call("PING")
    proxy.stall()
    callers = [asyncio.Task(calls.call("ECHO", number)) for number in range(5)]
    await asyncio.sleep(0)  # until each has sent
    callers[2].cancel()
    proxy.heal()
    answers = await asyncio.gather(*callers, return_exceptions=True)

    assert isinstance(answers.pop(2), asyncio.CancelledError)
    assert answers == [b"0", b"1", b"3", b"4"]
    assert await calls.call("ECHO", "later") == b"later"


async def test_callers_with_a_shorter_timeout_do_not_keep_a_dead_connection() -> None:
    """Each ended before ours could, so that the connection was used for ever."""
    with Scripted(nothing, says(b"+PONG\r\n")) as server:
        calls = AsyncConnections(server.url, timeout=TIMEOUT)

        async def ask() -> object:
            while True:
                try:
                    async with asyncio.timeout(TIMEOUT / 10):
                        return await calls.call("PING")
                except (TimeoutError, ServerUnavailableError):
                    pass

        async with asyncio.timeout(20 * TIMEOUT):
            answer = await ask()
        await calls.close()

    assert answer == b"PONG"
    assert server.connections == 2


async def test_who_waits_for_a_connection_that_cannot_be_opened_fails_with_it(
    calls: AsyncConnections, proxy: Proxy
) -> None:
    """One after the other they would wait for many times their timeout."""
    proxy.stall()
    began = time.monotonic()
    failed = await asyncio.gather(*(calls.call("PING") for _ in range(20)), return_exceptions=True)
    took = time.monotonic() - began
    proxy.heal()

    assert {type(error) for error in failed} == {ServerUnavailableError}
    assert took < 3 * TIMEOUT
    assert await calls.call("PING") == b"PONG"


async def test_where_the_caller_that_opens_is_cancelled_another_one_opens(
    calls: AsyncConnections, proxy: Proxy
) -> None:
    """It opens for all, and those who wait for that must not wait for ever."""
    proxy.stall()
    first, *others = [asyncio.Task(calls.call("ECHO", number)) for number in range(4)]
    await asyncio.sleep(0)
    first.cancel()
    proxy.heal()

    assert await asyncio.gather(*others) == [b"1", b"2", b"3"]


async def test_it_connects_again_however_often_that_failed(
    calls: AsyncConnections, proxy: Proxy
) -> None:
    """An absence of minutes is hundreds of tries."""
    proxy.refuse()
    for _ in range(150):
        with pytest.raises(ServerUnavailableError):
            await calls.call("PING")
    proxy.heal()

    assert await calls.call("PING") == b"PONG"


@pytest.mark.parametrize(
    "answer",
    [
        b"-READONLY You can't write against a read only replica.\r\n",
        b"-LOADING Redis is loading the dataset in memory\r\n",
        b"-MASTERDOWN Link with MASTER is down\r\n",
    ],
)
async def test_after_an_answer_of_no_primary_the_next_call_connects_again(answer: bytes) -> None:
    """After a failover the address leads to another server, but not the connection that stands."""
    with Scripted(says(answer), says(b"+OK\r\n")) as server:
        calls = AsyncConnections(server.url)
        with pytest.raises(ServerUnavailableError):
            await calls.call("SET", "key", "value")

        assert await calls.call("SET", "key", "value") == b"OK"
        await calls.close()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+OK\r\n+OK\r\n"])
async def test_what_is_no_reply_of_ours_ends_the_connection(answer: bytes) -> None:
    """After it nobody could say whose the next reply is."""
    with Scripted(says(answer), says(b"+PONG\r\n")) as server:
        calls = AsyncConnections(server.url)
        await asyncio.gather(calls.call("PING"), return_exceptions=True)
        await wait_until_async(lambda: server.connections == 1)

        assert await calls.call("PING") == b"PONG"
        await calls.close()


async def test_a_port_of_something_else_is_told_from_redis() -> None:
    """Its first answer is to what redis-py asks while it connects."""
    with (
        Scripted(says(b"SSH-2.0-OpenSSH_9.2\r\n"), is_foreign=True) as server,
        pytest.raises(ServerError, match="Redis at redis://"),
    ):
        await AsyncConnections(server.url).call("PING")


async def test_a_wrong_password_is_refused_and_not_shown(server: Server) -> None:
    """To try again does not help, and the log is read by many."""
    calls = AsyncConnections(server.url.replace("redis://", "redis://ada:secret@"))
    with pytest.raises(ServerError, match="refused the user or the password") as refused:
        await calls.call("PING")

    assert "secret" not in str(refused.value)


async def test_closed_connections_open_again_when_they_are_used(calls: AsyncConnections) -> None:
    """A client that was closed by one part of a program is of use to the next."""
    before = await calls.call("CLIENT", "ID")
    await calls.close()
    await calls.close()

    assert await calls.call("CLIENT", "ID") != before


async def test_close_ends_calls_that_wait(calls: AsyncConnections, proxy: Proxy) -> None:
    """They would wait for their timeout, on a connection that is not there any more."""
    await calls.call("PING")
    proxy.stall()
    waiting = asyncio.Task(calls.call("PING"))
    await asyncio.sleep(0)
    await calls.close()

    with pytest.raises(ServerUnavailableError):
        await waiting


@pytest.mark.parametrize("option", ["colour=blue", "db=first", "socket_timeout=soon"])
def test_an_unknown_option_in_the_url_is_told_at_once(option: str) -> None:
    """It would be told at the first call, by a TypeError from somewhere below."""
    with pytest.raises(ConfigurationError, match="option behind the"):
        AsyncConnections(f"redis://127.0.0.1/0?{option}")
