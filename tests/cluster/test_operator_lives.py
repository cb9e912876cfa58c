"""Operators that are killed, away, or two at once; an API server that goes; and a quiet rest."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import pytest

from tests.support.clusters import Cluster
from tests.support.operating import (
    Shop,
    is_brought_about,
    is_up,
    metric,
    running_operator,
    starting_operator,
)
from tests.support.probing import lines_of
from tests.support.programs import call
from tests.support.waiting import wait_until

PIPELINES = 5


def test_at_rest_nothing_is_written(cluster: Cluster, shop: Shop, tmp_path: Path) -> None:
    """Each write wakes everybody who watches, in a cluster that others use, too."""
    flags = ("--namespaces", shop.namespace.name)
    with running_operator(cluster, tmp_path / "operator.log", *flags) as process:
        shop.pipeline("email")
        shop.await_reason("email", "SettingsSynced", "Synced")
        runs = "flume_operator_reconcile_duration_seconds_count"

        def rests() -> bool:
            wrote, ran = metric(process, "flume_operator_writes_total"), metric(process, runs)
            wait_until(lambda: metric(process, runs) >= ran + 3, 20, what="three more passes")
            return metric(process, "flume_operator_writes_total") == wrote

        wait_until(rests, 60, what="three passes without a write")
        version = shop.namespace.get("pipeline", "email")["metadata"]["resourceVersion"]
        seen = metric(process, runs)
        wait_until(lambda: metric(process, runs) >= seen + 10, 60, what="ten more passes")

        assert shop.namespace.get("pipeline", "email")["metadata"]["resourceVersion"] == version


def test_a_start_warns_of_nothing(cluster: Cluster, shop: Shop, tmp_path: Path) -> None:
    """A warning that comes each time and asks for nothing teaches people to read none."""
    flags = ("--namespaces", shop.namespace.name)
    with running_operator(cluster, tmp_path / "operator.log", *flags) as process:
        shop.pipeline("email")
        shop.await_reason("email", "SettingsSynced", "Synced")
        process.terminate()
        process.wait()

    assert [line for line in lines_of(process) if line["level"] != "info"] == []


def test_an_operator_that_is_killed_in_the_middle_leaves_nothing_half_done(
    cluster: Cluster, shop: Shop, tmp_path: Path
) -> None:
    """The next one finds out from the objects alone what is left to do.

    Some Pipelines are done then, and some are not; ``test_faults_killed`` goes through one of them.
    """
    flags = ("--namespaces", shop.namespace.name, "--concurrency", "1")
    for number in range(PIPELINES):
        shop.pipeline(f"p{number}", maxDemand=50 + number)
    for life in range(2):
        with starting_operator(cluster, tmp_path / f"{life}.log", *flags) as process:
            wait_until(partial(shop.has, "deployment", f"p{life}"), 60, what="one of them")
            process.kill()
    with running_operator(cluster, tmp_path / "last.log", *flags):
        for number in range(PIPELINES):
            name = f"p{number}"
            wait_until(is_brought_about(shop, name, 50 + number), 60, what=f"{name} as specified")


@pytest.mark.parametrize(
    "away_s", [0, pytest.param(600, marks=[pytest.mark.soak, pytest.mark.timeout(900)])]
)
def test_edits_that_nobody_heard_are_carried_out_by_the_next_operator(
    cluster: Cluster, shop: Shop, tmp_path: Path, away_s: int
) -> None:
    """Twenty edits, one Pipeline deleted and one made anew, while no operator ran; and one roll."""
    flags = ("--namespaces", shop.namespace.name)
    with running_operator(cluster, tmp_path / "one.log", *flags) as process:
        for name in ("edited", "deleted", "anew"):
            shop.pipeline(name, maxDemand=10)
        for name in ("edited", "deleted", "anew"):
            wait_until(is_brought_about(shop, name, 10), 30, what=f"{name} as specified")
        before = shop.namespace.get("deployment", "edited")["metadata"]
        process.kill()
    began = time.monotonic()
    for number in range(20):
        edit = {"maxDemand": 20 + number, "env": [{"name": "EDIT", "value": str(number)}]}
        shop.patch("edited", json.dumps(edit))
        due = began + away_s * (number + 1) / 20
        wait_until(lambda: time.monotonic() > due, away_s + 1)  # noqa: B023 - awaited here
    shop.namespace.kubectl("delete", "pipeline", "deleted", "anew")
    shop.pipeline("anew", maxDemand=11)
    with running_operator(cluster, tmp_path / "two.log", *flags):
        wait_until(is_brought_about(shop, "edited", 39), 30, what="the last edit")
        wait_until(is_brought_about(shop, "anew", 11), 30, what="the new one")
        wait_until(lambda: not shop.has("deployment", "deleted"), 30, what="no Deployment")

    after = shop.namespace.get("deployment", "edited")
    [worker] = after["spec"]["template"]["spec"]["containers"]
    assert {"name": "EDIT", "value": "19"} in worker["env"]
    assert after["metadata"]["uid"] == before["uid"]
    assert after["metadata"]["generation"] == before["generation"] + 1


def test_of_two_operators_one_writes_and_the_other_takes_over(
    cluster: Cluster, shop: Shop, tmp_path: Path
) -> None:
    """Two that write would answer each other for ever; and one alone may be on a dying node."""
    space = shop.namespace.name
    flags = ("--namespaces", space, "--lease-namespace", space)
    with (
        running_operator(cluster, tmp_path / "one.log", *flags) as one,
        running_operator(cluster, tmp_path / "two.log", *flags) as two,
    ):
        shop.pipeline("email", maxDemand=1)
        wait_until(is_brought_about(shop, "email", 1), 60, what="email as specified")
        leads = "flume_operator_leading"
        first, second = (one, two) if metric(one, leads) else (two, one)
        assert metric(second, "flume_operator_writes_total") == 0

        first.kill()
        shop.patch("email", '{"maxDemand": 2, "paused": true}')
        wait_until(is_brought_about(shop, "email", 2), 20, what="the edit, by the other")
        assert metric(second, leads) == 1

        second.terminate()
        assert second.wait() == 0
    assert shop.namespace.get("lease", "flume-operator")["spec"].get("holderIdentity", "") == ""


def test_after_an_api_server_that_was_killed_the_operator_goes_on(
    cluster: Cluster, shop: Shop, tmp_path: Path
) -> None:
    """A watch that is cut brings a list, in which what was deleted meanwhile is not named."""
    flags = ("--namespaces", shop.namespace.name)
    with running_operator(cluster, tmp_path / "operator.log", *flags) as process:
        for name in ("kept", "deleted"):
            shop.pipeline(name, maxDemand=10)
            wait_until(is_brought_about(shop, name, 10), 30, what=f"{name} as specified")
        call("docker", "exec", cluster.node, "pkill", "-9", "kube-apiserver", timeout=30)
        wait_until(lambda: is_up(cluster), 90, what="the API server")
        shop.namespace.kubectl("delete", "pipeline", "deleted")
        shop.patch("kept", '{"maxDemand": 11}')

        wait_until(is_brought_about(shop, "kept", 11), 60, what="the edit after it")
        wait_until(lambda: not shop.settings("deleted").get("json"), 60, what="no settings")
        assert process.returncode is None
