"""Fixtures that start real servers, and the rule that a test on one is marked as such."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from flume.connection import SyncConnections
from flume.keys import Keys
from tests.support.leftovers import undocumented, waiting
from tests.support.missing import require
from tests.support.proxy import Proxy
from tests.support.rig import Rig
from tests.support.servers import KINDS, Server, running_server


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a server, so that no test forgets to."""
    for item in items:
        if "servers" in getattr(item, "fixturenames", ()):
            item.add_marker("server")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say each reason for skips once: hundreds of tests may miss the same server."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    for reason, count in reasons.items():
        terminalreporter.write_line(f"SKIPPED {count} tests: {reason}", yellow=True)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Return the session's server of a kind, ``redis`` or ``valkey``; it starts at first use."""
    started: dict[str, Server] = {}
    with ExitStack() as stack:

        def server(kind: str) -> Server:
            if kind not in started:
                require(kind)
                context = running_server(kind, tmp_path_factory.mktemp(kind))
                started[kind] = stack.enter_context(context)
            return started[kind]

        yield server


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Server:
    """Return an empty server; the test runs once on Redis and once on Valkey."""
    started = servers(request.param)
    started.call("FLUSHALL")
    return started


@pytest.fixture
def valkey(servers: Callable[[str], Server]) -> Server:
    """Return an empty Valkey, for a test that is about our processes and not about the server."""
    started = servers("valkey")
    started.call("FLUSHALL")
    return started


@pytest.fixture
def connections(server: Server) -> Iterator[SyncConnections]:
    """Return connections to ``server``; set ``shift_ms`` to move the scripts' clock."""
    opened = SyncConnections(server.url)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def rig(connections: SyncConnections) -> Rig:
    """Return a queue on ``server`` whose commands a test sends one by one."""
    return Rig(connections, Keys("orders"))


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """Return a proxy in front of ``server`` that forwards faithfully until it is told otherwise."""
    with Proxy(server.port) as opened:
        yield opened


@pytest.fixture
def emptied(connections: SyncConnections) -> Iterator[None]:
    """Say that the test ends with empty queues: no key of a job may be left behind then.

    A body, a lease or a unique key that outlives its job fills the memory of a server that runs
    for years.
    """
    yield
    left = [key.decode() for key in connections.call("KEYS", "*")]

    assert undocumented(left) == []
    assert waiting(left) == []
