"""What must bind or be seen whatever else goes on: pauses, other clusters' queues, depths."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import time
import urllib.request
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

import pytest

from benchmarks.cluster import holes
from benchmarks.cluster.holes import Hole
from flume import Client
from flume.control import Control, Owner
from flume.manifest import Manifest, check
from tests.support.clusters import RefusedError
from tests.support.operating import Shop, manifest
from tests.support.processes import Process
from tests.support.waiting import wait_until


def dug(shop: Shop) -> AbstractContextManager[Hole]:
    """Let every write of a ConfigMap in the namespace hang."""
    namespace = shop.namespace
    return holes.dug(
        namespace.name,
        str(urlsplit(shop.url).hostname),
        apply=lambda body: namespace.apply(json.dumps(body)),
        kubectl=namespace.cluster.kubectl,
    )


def pauses(shop: Shop, name: str) -> set[bytes]:
    """Return the sources that pause a Pipeline's queue."""
    return set(shop.server.call("HKEYS", f"flume:{{{shop.queue(name)}}}:pause"))


@pytest.mark.usefixtures("operator")
def test_a_pause_binds_while_a_reconcile_of_the_same_pipeline_hangs(shop: Shop) -> None:
    """An admission webhook that is down must not keep anybody from stopping a queue."""
    shop.pipeline("email")
    shop.await_reason("email", "SettingsSynced", "Synced")
    wait_until(lambda: shop.has("configmap", "email"), 10)
    demands = itertools.count(10)
    with dug(shop) as hole:

        def hangs() -> bool:  # the API server hears of webhooks a moment later
            shop.patch("email", json.dumps({"maxDemand": next(demands)}))
            return hole.was_met

        wait_until(hangs, 20, what="a reconcile that hangs")
        shop.patch("email", '{"paused": true}')
        returned = time.monotonic()
        wait_until(lambda: b"spec" in pauses(shop, "email"), 5, what="the pause")
        took = time.monotonic() - returned
        found = shop.namespace.get("pipeline", "email")
        assert found["status"]["observedGeneration"] < found["metadata"]["generation"]
        shop.patch("email", '{"paused": false}')
        wait_until(lambda: b"spec" not in pauses(shop, "email"), 1, what="the resume")
        shop.patch("email", '{"paused": true}')

    assert took < 1
    shop.await_reason("email", "Paused", "PausedBySpec", 60)
    assert pauses(shop, "email") == {b"spec"}


@pytest.mark.usefixtures("operator")
def test_a_pipeline_that_is_applied_paused_is_so_before_it_has_a_pod(shop: Shop) -> None:
    """It must not run a single job: so the pause comes before everything that workers need."""
    numbers = itertools.count()
    with dug(shop) as hole:

        def is_dug() -> bool:  # the API server hears of webhooks a moment later
            probe = ("create", "configmap", f"probe-{next(numbers)}", "--dry-run=server")
            with contextlib.suppress(RefusedError):
                shop.namespace.kubectl(*probe, "--request-timeout=1s")
            return hole.was_met

        wait_until(is_dug, 20, what="a ConfigMap that hangs")
        shop.pipeline("email", paused=True)
        wait_until(lambda: pauses(shop, "email") == {b"spec"}, 5, what="the pause")
        assert not shop.has("configmap", "email")
        assert not shop.has("deployment", "email")

    shop.await_reason("email", "Paused", "PausedBySpec", 60)
    shop.patch("email", '{"paused": false}')
    shop.await_reason("email", "Paused", "NotPaused")


@pytest.mark.usefixtures("operator")
def test_the_queue_of_another_cluster_is_not_taken_though_its_pipeline_is_not_here(
    shop: Shop,
) -> None:
    """Staging and production may share a Redis by mistake; only its own cluster frees a queue."""
    queue = shop.queue("email")
    theirs = Owner("shop/email", "elsewhere", 1_700_000_000_000, home="another cluster")
    asyncio.run(_apply(shop.url, check(json.loads(manifest("email", queue=queue))), theirs))
    shop.pipeline("email", paused=True)
    shop.await_reason("email", "Ready", "QueueConflict")
    assert "shop/email" in shop.condition("email", "Ready")[2]
    assert pauses(shop, "email") == set()
    assert shop.settings("email")["uid"] == "elsewhere"

    asyncio.run(_release(shop.url, queue, theirs.uid))
    shop.await_reason("email", "SettingsSynced", "Synced")
    wait_until(lambda: pauses(shop, "email") == {b"spec"}, 5, what="its pause")


async def _apply(url: str, wanted: Manifest, owner: Owner) -> None:
    async with Control(url) as control:
        assert (await control.apply(wanted, owner)).is_in_force


async def _release(url: str, queue: str, uid: str) -> None:
    async with Control(url) as control:
        assert await control.release(queue, uid)


def test_the_depth_of_a_queue_without_workers_is_shown_once(shop: Shop, operator: Process) -> None:
    """An autoscaler that starts the first pod has nothing else to go by."""
    shop.pipeline("email", replicas=0)
    shop.await_reason("email", "SettingsSynced", "Synced")
    shop.await_another_second()
    shop.pipeline("second", replicas=0, queue=shop.queue("email"))
    shop.await_reason("second", "Ready", "QueueConflict")
    with Client(shop.url) as client:
        for handler in ("app.jobs.send", "app.jobs.send", "app.jobs.fax"):
            client.enqueue(shop.queue("email"), handler)
    port = re.search(r'"event": "health_served", "port": (\d+)', operator.output)
    assert port

    def samples(name: str) -> list[str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/metrics", timeout=5) as page:
            lines = page.read().decode().splitlines()
        return sorted(line for line in lines if line.startswith(f"{name}{{"))

    labels = f'namespace="{shop.namespace.name}",pipeline="email",queue="{shop.queue("email")}"'
    wanted = [
        f'flume_queue_depth{{handler="app.jobs.fax",{labels}}} 1.0',
        f'flume_queue_depth{{handler="app.jobs.send",{labels}}} 2.0',
    ]
    wait_until(lambda: samples("flume_queue_depth") == wanted, 10, what="the depth by handler")
    assert samples("flume_queue_running") == [f"flume_queue_running{{{labels}}} 0.0"]
