"""What tests on a cluster share: namespaces, a Redis for pods, and the operator itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.accounts import Account
from tests.support.api_proxy import ApiProxy
from tests.support.clusters import Cluster, Namespace
from tests.support.missing import require
from tests.support.operating import Shop, reachable_server, running_operator
from tests.support.processes import Process
from tests.support.proxy import Proxy
from tests.support.servers import Server


@pytest.fixture(scope="session")
def pod_server(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, str]]:
    """Return a Valkey that pods and this machine reach, and its URL; queues keep tests apart."""
    require("valkey")
    with reachable_server(tmp_path_factory.mktemp("pod-server")) as found:
        yield found


@pytest.fixture
def shop(namespace: Namespace, pod_server: tuple[Server, str]) -> Iterator[Shop]:
    """Return a namespace with the Secret of a Redis, and nobody yet who looks after Pipelines."""
    made = Shop(namespace, *pod_server)
    made.make_secret()
    yield made
    made.let_go()


@pytest.fixture
def account(shop: Shop, tmp_path: Path) -> Account:
    """Return an account that is allowed what the operator needs."""
    made = Account(shop, tmp_path / "account.kubeconfig")
    made.allow()
    made.make()
    return made


@pytest.fixture
def operator(cluster: Cluster, shop: Shop, tmp_path: Path) -> Iterator[Process]:
    """Run an operator that looks after the shop's namespace."""
    log = tmp_path / "operator.log"
    with running_operator(cluster, log, "--namespaces", shop.namespace.name) as process:
        yield process


@pytest.fixture
def api_proxy(cluster: Cluster) -> Iterator[ApiProxy]:
    """Return a proxy in front of the API server that forwards until it is told otherwise."""
    with ApiProxy(cluster).opened() as opened:
        yield opened


@pytest.fixture
def redis_proxy(valkey: Server) -> Iterator[Proxy]:
    """Return a proxy in front of a Redis that only operators of this machine reach."""
    with Proxy(valkey.port) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_namespace(cluster: Cluster) -> Iterator[Namespace]:
    """Return a namespace for the tests of a module that leave nothing in it."""
    with cluster.new_namespace() as made:
        yield made
