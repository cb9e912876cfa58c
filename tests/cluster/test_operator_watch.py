"""What the operator does when it may not watch any more, or there is nothing to watch."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.accounts import Account
from tests.support.clusters import CRDS, Cluster
from tests.support.kube_api import port_of
from tests.support.operating import Shop, running_operator, starting_operator
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until


def test_a_right_that_is_missing_is_told_and_the_rest_is_done(
    cluster: Cluster, shop: Shop, account: Account, tmp_path: Path
) -> None:
    """Whoever wrote the role by hand must learn which verb it lacks."""
    account.allow(without=("patch deployments", "create deployments"))
    environment = {"KUBECONFIG": str(account.file)}
    flags = ("--namespaces", shop.namespace.name)
    with running_operator(cluster, tmp_path / "o.log", *flags, environment=environment):
        shop.pipeline("email")
        shop.await_reason("email", "WorkersAvailable", "Forbidden")
        assert 'cannot patch resource "deployments"' in shop.condition("email", "Ready")[2]
        assert shop.condition("email", "SettingsSynced")[1] == "Synced"

        account.allow()
        shop.patch("email", '{"maxDemand": 3}')
        wait_until(lambda: shop.has("deployment", "email"), 30, what="the Deployment")


@pytest.mark.timeout(300)  # a token is taken for a while after it was revoked
async def test_a_watch_whose_credentials_are_refused_goes_on_once_there_are_new_ones(
    cluster: Cluster, shop: Shop, account: Account, tmp_path: Path
) -> None:
    """kopf alone would log that it ran out of credentials, and hear nothing any more, for ever.

    A pause needs nothing but the watch, for the address of its Redis is known by then.
    """
    environment = {"KUBECONFIG": str(account.file)}
    flags = ("--namespaces", shop.namespace.name)
    with Proxy(await port_of(cluster.kubeconfig)) as proxy:
        account.way = f"https://127.0.0.1:{proxy.port}"
        account.make()
        with running_operator(
            cluster, tmp_path / "o.log", *flags, environment=environment
        ) as process:
            shop.pipeline("email")
            shop.await_reason("email", "SettingsSynced", "Synced")
            shop.namespace.kubectl("delete", "serviceaccount", "operator")
            # An API server takes a token for ten seconds more; a watch that is open goes on.
            wait_until(account.is_refused, 60, what="a refusal")
            proxy.cut_all()
            refused = process.output.count("Unauthorized")
            wait_until(lambda: process.output.count("Unauthorized") > refused + 1, 60)
            account.make()
            shop.patch("email", '{"paused": true}')

            key = f"flume:{{{shop.queue('email')}}}:pause"
            wait_until(lambda: shop.server.call("HKEYS", key) == [b"spec"], 60, what="the pause")
            assert process.returncode is None


def test_an_operator_without_the_definition_says_so_and_ends(
    cluster: Cluster, shop: Shop, tmp_path: Path
) -> None:
    """One that waits in silence looks healthy, and does nothing."""
    flags = ("--namespaces", shop.namespace.name)
    try:
        with running_operator(cluster, tmp_path / "one.log", *flags) as process:
            cluster.kubectl("delete", "--filename", str(CRDS), timeout=90)
            assert process.wait(60) == 1
            assert "the watch has ended" in process.output
        with starting_operator(cluster, tmp_path / "two.log", *flags) as process:
            assert process.wait(30) == 1
            assert "install the CustomResourceDefinition" in process.output
    finally:
        cluster.kubectl("apply", "--filename", str(CRDS))
        crd = "customresourcedefinition/pipelines.flume.dev"
        cluster.kubectl("wait", "--for=condition=Established", crd, "--timeout=60s")
