"""An API server that answers with errors, cuts watches, and forgets what has changed."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.api_proxy import ApiProxy, Call, every
from tests.support.clusters import Cluster
from tests.support.operating import Shop, is_brought_about, running_operator
from tests.support.probing import probe_of
from tests.support.processes import Process
from tests.support.waiting import wait_until

NAMES = ("p0", "p1", "p2")
WINDOW_SECONDS = 6.0
AGAIN_SECONDS = 30.0
"""The longest wait of a watch, some tries of a Pipeline, and the time of a slow machine."""


@contextlib.contextmanager
def at_work(cluster: Cluster, shop: Shop, api_proxy: ApiProxy, folder: Path) -> Iterator[Process]:
    """Run an operator behind the proxy, with some Pipelines that are as they should be."""
    flags = ("--namespaces", shop.namespace.name)
    environment = {"KUBECONFIG": str(api_proxy.kubeconfig(folder))}
    log = folder / "operator.log"
    with running_operator(cluster, log, *flags, environment=environment) as process:
        for name in NAMES:
            shop.pipeline(name, maxDemand=10)
        for name in NAMES:
            wait_until(is_brought_about(shop, name, 10), AGAIN_SECONDS, what=f"{name} as specified")
        yield process


def templates(shop: Shop) -> list[tuple[str, int]]:
    """Return what stands for the workers: where it is the same, no pod was touched."""
    found = shop.namespace.get("deployment")["items"]
    return [(item["metadata"]["uid"], item["metadata"]["generation"]) for item in found]


def is_paused(shop: Shop, name: str) -> bool:
    """Whether the pause of a Pipeline is in force in Redis."""
    return bool(shop.server.call("HEXISTS", f"flume:{{{shop.queue(name)}}}:pause", "spec"))


def is_in_force(shop: Shop, name: str, max_demand: int) -> bool:
    """Whether the settings of a Pipeline are in Redis."""
    return bool(json.loads(shop.settings(name)["json"])["max_demand"] == max_demand)


def is_write(call: Call) -> bool:
    """Choose what changes something."""
    return call.method != "GET"


FAULTS: dict[str, tuple[int, Callable[[Call], bool], int]] = {
    "too many requests": (429, every, 2),
    "writes fail": (500, is_write, 0),
    "unavailable": (503, every, 0),
}
"""Status, which calls, and Retry-After."""


@pytest.mark.parametrize("fault", FAULTS)
def test_errors_of_the_api_server_are_waited_out_with_few_calls(
    cluster: Cluster, shop: Shop, api_proxy: ApiProxy, tmp_path: Path, fault: str
) -> None:
    """An operator that hammers a server in trouble keeps it there; one that gives up is no help."""
    status, which, retry_after_s = FAULTS[fault]
    with at_work(cluster, shop, api_proxy, tmp_path) as process:
        before = templates(shop)
        api_proxy.answer(status, which, retry_after_s=retry_after_s)
        for name in NAMES:
            shop.patch(name, '{"maxDemand": 11, "paused": true}')
        if which is is_write:  # they are heard, and Redis is not the API server
            wait_until(lambda: all(is_paused(shop, name) for name in NAMES), 2, what="the pauses")
        began, first = time.monotonic(), len(api_proxy.calls)
        wait_until(lambda: time.monotonic() - began > WINDOW_SECONDS, WINDOW_SECONDS + 1)
        calls = api_proxy.calls[first:]
        alive = probe_of(process).get("/healthz")
        untouched = templates(shop) == before
        api_proxy.heal()

        for name in NAMES:
            wait_until(is_brought_about(shop, name, 11), AGAIN_SECONDS, what=f"{name} as edited")
            shop.await_reason(name, "Paused", "PausedBySpec")
        assert process.returncode is None

    assert api_proxy.refused > 0
    assert len(calls) <= 40, f"{len(calls)} calls in {WINDOW_SECONDS:g} s: {calls}"
    assert alive == (200, "ok\n")
    assert untouched
    assert templates(shop) == before


def test_a_wait_that_the_api_server_asks_for_is_kept(
    cluster: Cluster, shop: Shop, api_proxy: ApiProxy, tmp_path: Path
) -> None:
    """429 with Retry-After is how it sheds load: a second call before is one too many."""
    with at_work(cluster, shop, api_proxy, tmp_path):
        api_proxy.answer(429, lambda call: "/configmaps/p0" in call.path, retry_after_s=5)
        shop.patch("p0", '{"maxDemand": 11}')
        wait_until(lambda: api_proxy.refused == 1, what="the first refusal")
        began = time.monotonic()
        wait_until(lambda: api_proxy.refused == 2, 20, what="the second refusal")
        took_s = time.monotonic() - began
        api_proxy.heal()
        wait_until(is_brought_about(shop, "p0", 11), AGAIN_SECONDS, what="p0 as edited")

    assert took_s > 4.5


def test_of_watches_that_are_cut_again_and_again_no_change_is_lost(
    cluster: Cluster, shop: Shop, api_proxy: ApiProxy, tmp_path: Path
) -> None:
    """Load balancers cut what is open for long, at any moment."""
    with at_work(cluster, shop, api_proxy, tmp_path) as process:
        for number in range(20, 30):
            api_proxy.cut_watches()
            shop.patch("p0", json.dumps({"maxDemand": number}))
            wait_until(partial(is_in_force, shop, "p0", number), 5, what=f"edit {number}")
        assert process.returncode is None


def test_what_was_deleted_while_a_watch_was_away_is_found_after_410(
    cluster: Cluster, shop: Shop, api_proxy: ApiProxy, tmp_path: Path
) -> None:
    """The API server has forgotten the changes since then: what is gone is in no list."""
    with at_work(cluster, shop, api_proxy, tmp_path) as process:
        api_proxy.answer(503, lambda call: call.is_watch)
        wait_until(lambda: api_proxy.refused >= 4, what="watches that are refused")
        shop.namespace.kubectl("delete", "pipeline", "p0")
        shop.namespace.kubectl("delete", "deployment", "p1")
        shop.patch("p2", '{"maxDemand": 11}')
        api_proxy.expire(4)
        api_proxy.heal()

        wait_until(lambda: "json" not in shop.settings("p0"), AGAIN_SECONDS, what="no settings")
        wait_until(is_brought_about(shop, "p1", 10), AGAIN_SECONDS, what="its Deployment again")
        wait_until(is_brought_about(shop, "p2", 11), AGAIN_SECONDS, what="p2 as edited")
        assert process.returncode is None
