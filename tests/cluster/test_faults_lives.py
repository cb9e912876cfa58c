"""The call of a dead operator that comes late, and a namespace that goes with all that is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.clusters import Cluster, Namespace
from tests.support.operating import Shop, is_brought_about, metric, running_operator
from tests.support.proxy import Proxy
from tests.support.servers import Server
from tests.support.waiting import wait_until

NAMESPACE_SECONDS = 40.0


@pytest.fixture
def behind(namespace: Namespace, valkey: Server, redis_proxy: Proxy) -> Shop:
    """Return a namespace whose Pipelines reach their Redis through the proxy."""
    made = Shop(namespace, valkey, redis_proxy.url)
    made.make_secret()
    return made


@pytest.mark.parametrize("edit", ["settings", "pause"])
def test_a_call_of_a_dead_operator_that_comes_late_changes_nothing(
    cluster: Cluster, behind: Shop, redis_proxy: Proxy, tmp_path: Path, edit: str
) -> None:
    """It sat in a network's buffers while the next leader wrote a newer generation."""
    shop = behind
    flags = ("--namespaces", shop.namespace.name)
    queue = shop.queue("email").encode()
    late: list[bytes] = []
    with running_operator(cluster, tmp_path / "one.log", *flags, "--look", "600") as process:
        shop.pipeline("email", maxDemand=10, paused=True)  # opens the connection of pauses
        shop.await_reason("email", "Paused", "PausedBySpec")
        shop.patch("email", '{"paused": false}')
        wait_until(is_brought_about(shop, "email", 10), 30, what="email as specified")
        redis_proxy.stick()
        redis_proxy.heard = lambda piece: late.append(piece) if queue in piece else None
        shop.patch("email", '{"maxDemand": 11}' if edit == "settings" else '{"paused": true}')
        wait_until(lambda: late, 10, what="a call that is held back")
        process.kill()
        redis_proxy.heard = lambda _piece: None
    with running_operator(cluster, tmp_path / "two.log", *flags):
        shop.patch("email", '{"maxDemand": 12, "paused": false}')
        wait_until(is_brought_about(shop, "email", 12), 30, what="the later edit")
        record = shop.settings("email")
        served: list[bytes] = []
        redis_proxy.served = served.append
        redis_proxy.heal()
        wait_until(lambda: set(late) <= set(served), 10, what="the late calls at Redis")

        assert shop.settings("email") == record
        assert shop.server.call("HLEN", f"flume:{{{shop.queue('email')}}}:pause") == 0


def test_a_namespace_is_deleted_with_everything_in_it_and_others_go_on(
    cluster: Cluster, shop: Shop, pod_server: tuple[Server, str], tmp_path: Path
) -> None:
    """Its Secrets may go before its Pipelines do; nothing of ours may keep it."""
    with cluster.new_namespace() as doomed:
        other = Shop(doomed, *pod_server)
        other.make_secret()
        names = ("retained", "drained", "purged")
        flags = ("--namespaces", f"{shop.namespace.name},{doomed.name}")
        with running_operator(cluster, tmp_path / "operator.log", *flags) as process:
            shop.pipeline("email", maxDemand=10)
            for name, policy in zip(names, ("Retain", "Drain", "Purge"), strict=True):
                other.pipeline(name, maxDemand=10, deletionPolicy=policy)
            for name in names:
                wait_until(is_brought_about(other, name, 10), 30, what=f"{name} as specified")
            cluster.kubectl("delete", "namespace", doomed.name, timeout=NAMESPACE_SECONDS)
            for name in names:
                wait_until(lambda: "json" not in other.settings(name), 30, what=f"{name} freed")  # noqa: B023 - awaited here
            shop.patch("email", '{"maxDemand": 11}')
            wait_until(is_brought_about(shop, "email", 11), 30, what="the edit elsewhere")

            wait_until(lambda: metric(process, "flume_operator_keys_failing") == 0, 10)
            crashes = [line for line in process.output.splitlines() if '"level": "error"' in line]
            assert process.returncode is None
    assert [json.loads(line)["event"] for line in crashes] == []
