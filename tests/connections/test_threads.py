"""Connections of threads: each call has one to itself for as long as it takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flume.commands.client import Lane, Sent, enqueue
from flume.commands.command import Command
from flume.connection import SyncConnections
from flume.errors import ConfigurationError, ServerError, ServerUnavailableError
from flume.keys import Keys
from tests.connections.conftest import TIMEOUT
from tests.support.processes import REPOSITORY
from tests.support.proxy import Proxy
from tests.support.scripted import Scripted, hangs_up, says
from tests.support.servers import Server
from tests.support.waiting import wait_until

FORKING = """
import os, sys
from flume.connection import SyncConnections

calls = SyncConnections(sys.argv[1])
mine = calls.call("CLIENT", "ID")
child = os.fork()
if child == 0:
    status = int(calls.call("CLIENT", "ID") == mine)
    calls.close()
    os._exit(status)
_, status = os.waitpid(child, 0)
assert status == 0, "the child took its parent's connection"
assert calls.call("CLIENT", "ID") == mine, "the child closed its parent's connection"
calls.close()
"""


def enqueueing(count: int) -> list[Command[Sent]]:
    """Return so many commands, each of one job."""
    return [
        enqueue(Keys("email"), Lane("lane", number), "send", [f"id{number}", b"{}"])
        for number in range(1, count + 1)
    ]


def test_threads_get_their_own_replies(sync_calls: SyncConnections) -> None:
    """A client is shared by all threads of a web server."""

    def ask(thread: int) -> list[bytes]:
        return [sync_calls.call("ECHO", f"{thread}-{number}") for number in range(100)]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))

    assert answers == [[f"{t}-{n}".encode() for n in range(100)] for t in range(8)]


def test_a_connection_is_used_again(sync_calls: SyncConnections) -> None:
    """To open one costs more than most calls."""
    assert sync_calls.call("CLIENT", "ID") == sync_calls.call("CLIENT", "ID")


def test_a_reply_that_does_not_come_ends_the_call_in_time(
    sync_calls: SyncConnections, proxy: Proxy
) -> None:
    """The kernel keeps the time, and not Python: parts of a second count too."""
    sync_calls.call("PING")
    proxy.stall()
    began = time.monotonic()
    with pytest.raises(ServerUnavailableError):
        sync_calls.call("PING")
    took = time.monotonic() - began
    proxy.heal()

    assert TIMEOUT * 0.9 <= took < 3 * TIMEOUT
    assert sync_calls.call("PING") == b"PONG"


def test_a_call_that_does_not_go_out_ends_in_time(
    sync_calls: SyncConnections, proxy: Proxy
) -> None:
    """A long body fills what lies between here and a server that does not read."""
    sync_calls.call("PING")
    proxy.stall()
    began = time.monotonic()
    with pytest.raises(ServerUnavailableError):
        sync_calls.call("SET", "key", b"x" * 32_000_000)
    took = time.monotonic() - began
    proxy.heal()

    assert took < 5 * TIMEOUT
    assert sync_calls.call("EXISTS", "key") == 0


def test_a_connection_that_ends_within_a_reply_opens_again() -> None:
    """Half a reply is none, and must not meet the next call."""
    with Scripted(hangs_up(b"$5\r\nhel"), says(b"$5\r\nhello\r\n")) as server:
        calls = SyncConnections(server.url)
        with pytest.raises(ServerUnavailableError):
            calls.call("GET", "key")

        assert calls.call("GET", "key") == b"hello"
        calls.close()


def test_it_connects_again_however_often_that_failed(
    sync_calls: SyncConnections, proxy: Proxy
) -> None:
    """After 100 connections redis-py's pool made no more: one short absence ended a heartbeat."""
    proxy.refuse()
    for _ in range(150):
        with pytest.raises(ServerUnavailableError):
            sync_calls.call("PING")
    proxy.heal()

    assert sync_calls.call("PING") == b"PONG"


@pytest.mark.parametrize("answer", [b"-READONLY You can't write\r\n", b"-LOADING Redis is\r\n"])
def test_after_an_answer_of_no_primary_the_next_call_connects_again(answer: bytes) -> None:
    """After a failover the address leads to another server, but not the connection that stands."""
    with Scripted(says(answer), says(b"+OK\r\n")) as server:
        calls = SyncConnections(server.url)
        with pytest.raises(ServerUnavailableError):
            calls.call("SET", "key", "value")

        assert calls.call("SET", "key", "value") == b"OK"
        calls.close()


def test_overlapped_commands_leave_a_server_that_is_no_primary() -> None:
    """They went on sending to it, and their connection served later calls."""
    readonly = b"-READONLY You can't write against a read only replica.\r\n"
    with Scripted(says(readonly), says(b":1\r\n")) as server:
        calls = SyncConnections(server.url)
        *first, last = enqueueing(5)
        overlapped = calls.run_overlapped(first)
        outcomes = list(overlapped)
        connected = server.connections
        later = calls.run(last)
        calls.close()

    assert [type(one) for one in outcomes] == [ServerUnavailableError] * 2 + [Sent] * 2
    assert later == Sent(None)
    assert server.connections == connected == 2


def test_overlapped_commands_after_a_cut_go_over_a_new_connection() -> None:
    """Those under way come back as unanswered; the sender knows what to do with them."""
    with Scripted(hangs_up(), says(b":1\r\n")) as server:
        calls = SyncConnections(server.url)
        overlapped = calls.run_overlapped(enqueueing(5))
        outcomes = list(overlapped)
        calls.close()

    assert ServerUnavailableError in map(type, outcomes)
    assert outcomes[-1] == Sent(None)
    assert len(outcomes) == 5


def test_commands_left_half_way_leave_no_reply_for_the_next(sync_calls: SyncConnections) -> None:
    """Whoever stops reading leaves a reply under way."""
    outcomes = sync_calls.run_overlapped(enqueueing(5))
    next(outcomes)
    del outcomes

    assert sync_calls.call("ECHO", "mine") == b"mine"


def test_replies_to_many_plain_calls_come_in_their_order(sync_calls: SyncConnections) -> None:
    """An error stands where its reply would, and takes no other with it."""
    one, error, last = sync_calls.call_all([("ECHO", "1"), ("NONSENSE",), ("ECHO", "2")])

    assert (one, last) == (b"1", b"2")
    assert isinstance(error, Exception)


def test_a_connection_that_redis_closed_while_it_was_idle_fails_no_call(
    sync_calls: SyncConnections, proxy: Proxy
) -> None:
    """After a restart the first look at a queue failed, once for each connection."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: sync_calls.call("PING"), range(100)))
    proxy.cut_all()
    wait_until(lambda: proxy.open == 0)

    assert sync_calls.call("PING") == b"PONG"
    assert sync_calls.call_all([("PING",)]) == [b"PONG"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_does_not_use_its_parents_connections(server: Server) -> None:
    """Two processes on one socket get each other's replies; gunicorn forks after loading."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKING, server.url],
        cwd=REPOSITORY / "worker",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, "")


def test_a_wrong_password_is_refused_and_not_shown(server: Server) -> None:
    """To try again does not help, and the log is read by many."""
    calls = SyncConnections(server.url.replace("redis://", "redis://ada:secret@"))
    with pytest.raises(ServerError, match="refused the user or the password") as refused:
        calls.call("PING")

    assert "secret" not in str(refused.value)


def test_closed_connections_open_again_when_they_are_used(sync_calls: SyncConnections) -> None:
    """A client that was closed by one part of a program is of use to the next."""
    before = sync_calls.call("CLIENT", "ID")
    sync_calls.close()

    assert sync_calls.call("CLIENT", "ID") != before


@pytest.mark.parametrize("option", ["colour=blue", "db=first", "socket_timeout=soon"])
def test_an_unknown_option_in_the_url_is_told_at_once(option: str) -> None:
    """It would be told at the first call, by a TypeError from somewhere below."""
    with pytest.raises(ConfigurationError, match="option behind the"):
        SyncConnections(f"redis://127.0.0.1/0?{option}")
