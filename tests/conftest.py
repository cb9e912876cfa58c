"""Fixtures that start real servers, and the rule that a test on one is marked as such."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flume.connection import SyncConnections
from flume.keys import Keys
from tests.support.images import loaded_image
from tests.support.leftovers import undocumented, waiting
from tests.support.missing import require
from tests.support.proxy import Proxy
from tests.support.rig import Rig
from tests.support.servers import KINDS, Server, running_server

if TYPE_CHECKING:
    from tests.support.clusters import Cluster, Namespace

CLUSTER_TEST_SECONDS = 120.0  # without the cluster's start, which has bounds of its own


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a server or a cluster, so that no test forgets to; clusters come last.

    A cluster takes a tenth of a processor even at rest, and others measure times.
    """
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "servers" in fixtures:
            item.add_marker("server")
        if "clusters" in fixtures:
            item.add_marker("cluster")
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(CLUSTER_TEST_SECONDS, func_only=True))
    items.sort(key=lambda item: item.get_closest_marker("cluster") is not None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say each reason for skips once: hundreds of tests may miss the same server."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    for reason, count in reasons.items():
        terminalreporter.write_line(f"SKIPPED {count} tests: {reason}", yellow=True)


@pytest.fixture(scope="session")
def clusters(
    request: pytest.FixtureRequest, k8s_manager: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], AbstractContextManager[Cluster]]:
    """Return what makes a cluster of its own, for a test that breaks one; minutes are its scale.

    ``--k8s-kubeconfig FILE`` uses the cluster of that file instead, which is left as it is.
    """
    borrowed = request.config.getoption("k8s_kubeconfig")
    require(*(("kubectl",) if borrowed else ("docker", "kind", "kubectl")))
    from tests.support import clusters as support

    numbers = iter(range(1000))
    if not borrowed:
        support.delete_abandoned_clusters()

    def make() -> AbstractContextManager[Cluster]:
        folder = tmp_path_factory.mktemp("cluster")
        manager = k8s_manager("external" if borrowed else "kind")()
        if borrowed:
            return support.borrowed_cluster(manager, Path(borrowed), folder)
        name = f"{support.PREFIX}{os.getpid()}-{next(numbers)}"
        return support.running_cluster(manager, folder, name=name)

    return make


@pytest.fixture(scope="session")
def cluster(clusters: Callable[[], AbstractContextManager[Cluster]]) -> Iterator[Cluster]:
    """Return the session's cluster, which knows Pipelines; tests leave it as they found it."""
    with clusters() as made:
        yield made


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[Namespace]:
    """Return an empty namespace of the session's cluster."""
    with cluster.new_namespace() as made:
        yield made


@pytest.fixture(scope="session")
def operator_image(cluster: Cluster) -> Iterator[str]:
    """Return the operator's image, built from this checkout and loaded into the cluster."""
    with loaded_image("operator", cluster) as name:
        yield name


@pytest.fixture(scope="session")
def worker_image(cluster: Cluster) -> Iterator[str]:
    """Return the worker's image, built from this checkout and loaded into the cluster."""
    with loaded_image("worker", cluster) as name:
        yield name


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
