"""The proxy loses what it is told to lose, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flume.connection import SyncConnections
from flume.errors import ServerUnavailableError
from tests.support.proxy import Proxy
from tests.support.servers import Server
from tests.support.waiting import wait_until


@pytest.fixture
def through(proxy: Proxy) -> Iterator[SyncConnections]:
    """Return connections that pass through the proxy and give up soon."""
    connections = SyncConnections(proxy.url, timeout=0.3)
    yield connections
    connections.close()


def test_it_forwards_faithfully(through: SyncConnections) -> None:
    """A proxy that changes anything by itself makes every test through it worthless."""
    long = "x" * 1_000_000
    through.call("SET", "key", long)

    assert through.call("GET", "key") == long.encode()


def test_a_dropped_reply_belongs_to_a_request_that_was_served(
    through: SyncConnections, proxy: Proxy, server: Server
) -> None:
    """The sender cannot know whether its call was applied: that is what resends are built for."""
    through.call("PING")
    proxy.drop_replies(1)

    with pytest.raises(ServerUnavailableError):
        through.call("SET", "key", "value")
    assert server.call("GET", "key") == b"value"
    assert through.call("PING") == b"PONG"
    assert proxy.cuts == 1


def test_random_cuts_end_at_their_limit(through: SyncConnections, proxy: Proxy) -> None:
    """A test asks for a number of cuts and then waits for the system to recover."""
    proxy.cut_at_random(0.5, limit=20)
    failed = 0
    for _ in range(500):
        try:
            through.call("INCR", "key")
        except ServerUnavailableError:
            failed += 1

    assert failed == proxy.cuts == 20
    assert through.call("INCR", "key") >= 481


def test_a_stalled_connection_goes_on_when_it_is_healed(
    through: SyncConnections, proxy: Proxy, server: Server
) -> None:
    """A network that stands still for a moment keeps its connections."""
    through.call("PING")
    proxy.stall()

    with pytest.raises(ServerUnavailableError):
        through.call("SET", "key", "value")
    proxy.heal()
    wait_until(lambda: server.call("GET", "key") == b"value")


def test_it_refuses_until_it_is_healed(through: SyncConnections, proxy: Proxy) -> None:
    """A server that is away resets old connections and new ones alike."""
    through.call("PING")
    proxy.refuse()

    for _ in range(3):
        with pytest.raises(ServerUnavailableError):
            through.call("PING")
    proxy.heal()
    assert through.call("PING") == b"PONG"
