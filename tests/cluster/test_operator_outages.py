"""A Redis that was away: how soon its Pipelines are well again, and how often it was asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clusters import Cluster
from tests.support.operating import Shop, running_operator
from tests.support.processes import Process
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until

MANY = 6
OUTAGE_S = 20.0
"""Longer than back-offs take to become long."""
BACK_S = 4.0
"""A look at Redis every two seconds, and a slow machine."""


@pytest.fixture
def rare(cluster: Cluster, shop: Shop, tmp_path: Path) -> Iterator[Process]:
    """Run an operator that looks at queues as rarely as in a real cluster."""
    flags = ("--namespaces", shop.namespace.name, "--look", "10")
    with running_operator(cluster, tmp_path / "operator.log", *flags) as process:
        yield process


def all_have(shop: Shop, reason: str) -> bool:
    """Whether the settings of all Pipelines have one reason."""
    items = shop.namespace.get("pipelines")["items"]
    found = [
        each["reason"]
        for item in items
        for each in item.get("status", {}).get("conditions", [])
        if each["type"] == "SettingsSynced"
    ]
    return found == [reason] * MANY


@pytest.mark.usefixtures("rare")
def test_all_pipelines_are_well_again_soon_after_their_redis_is(shop: Shop) -> None:
    """A person who has mended Redis looks at them, and must not think that it was in vain."""
    with Proxy(shop.server.port) as proxy:
        shop.make_secret("own", proxy.url)
        for number in range(MANY):
            shop.pipeline(f"p{number}", redis={"secretRef": {"name": "own"}})
        wait_until(lambda: all_have(shop, "Synced"), 30, what="all synced")
        proxy.refuse()
        wait_until(lambda: all_have(shop, "RedisUnavailable"), 30, what="all without Redis")
        began, before = time.monotonic(), proxy.refused
        wait_until(lambda: time.monotonic() > began + OUTAGE_S, OUTAGE_S * 2, what="a long outage")
        asked = proxy.refused - before
        proxy.heal()
        wait_until(lambda: all_have(shop, "Synced"), BACK_S, what="all well again")

    assert OUTAGE_S / 4 < asked < OUTAGE_S  # by one of them, every two seconds
