"""A Pipeline that has its queue elsewhere now: what it left behind is free, and people are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flume import Client
from tests.support.clusters import Cluster
from tests.support.operating import Shop, running_operator
from tests.support.processes import Process
from tests.support.servers import Server, running_server
from tests.support.waiting import wait_until

UNREACHED_S = 30.0
"""Until a Redis is given up, its Secret read again, and the new one used."""


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Server]:
    """Return the Redis that a Pipeline leaves."""
    with running_server("valkey", tmp_path) as started:
        yield started


def owner_at(server: Server, shop: Shop, prefix: str = "flume") -> Any:
    """Return the uid of who owns the queue of email in a Redis."""
    return server.call("HGET", f"{prefix}:{{{shop.queue('email')}}}:settings", "uid")


def said(shop: Shop, reason: str) -> list[str]:
    """Return the notes of all Events of a reason about email."""
    events = shop.namespace.get("events.events.k8s.io")["items"]
    return [each["note"] for each in events if each["reason"] == reason]


@pytest.mark.usefixtures("operator")
def test_a_queue_that_was_left_is_free_and_its_jobs_are_counted(shop: Shop, old: Server) -> None:
    """Nobody would run these jobs, and nobody else could have the queue."""
    shop.make_secret("old", old.url)
    shop.pipeline("email", redis={"secretRef": {"name": "old"}}, paused=True)
    shop.await_reason("email", "SettingsSynced", "Synced")
    with Client(old.url) as client:
        for _ in range(3):
            client.enqueue(shop.queue("email"), "app.jobs.send")
    shop.await_another_second()
    queue, redis = shop.queue("email"), {"secretRef": {"name": "old"}}
    shop.pipeline("second", queue=queue, redis=redis)
    shop.await_reason("second", "Ready", "QueueConflict")

    shop.patch("email", '{"redis": {"secretRef": {"name": "flume-redis"}}}')
    shop.await_reason("second", "SettingsSynced", "Synced", 10)
    wait_until(lambda: said(shop, "QueueLeft"), 10, what="the Event")
    [note] = said(shop, "QueueLeft")
    assert f"redis://127.0.0.1:{old.port}/0, key prefix flume" in note
    assert "3 jobs are left in it" in note
    assert (
        shop.settings("email")["uid"] == shop.namespace.get("pipeline", "email")["metadata"]["uid"]
    )


@pytest.mark.usefixtures("operator")
def test_an_address_that_changes_in_the_secret_is_a_move_as_well(shop: Shop, old: Server) -> None:
    """The spec says nothing of it, and the generation is the same."""
    shop.make_secret("own", old.url)
    shop.pipeline("email", redis={"secretRef": {"name": "own"}})
    shop.await_reason("email", "SettingsSynced", "Synced")
    shop.make_secret("own", shop.server.url)
    old.call("CLIENT", "PAUSE", 5000, "ALL")  # a Secret is read again where Redis does not answer
    wait_until(lambda: shop.settings("email"), UNREACHED_S, what="the settings at the new address")

    wait_until(lambda: owner_at(old, shop) is None, 30, what="the queue free at the old one")
    wait_until(lambda: said(shop, "QueueLeft"), 10, what="the Event")
    assert shop.condition("email", "SettingsSynced")[1] == "Synced"


@pytest.mark.usefixtures("operator")
def test_a_redis_that_is_gone_holds_up_nothing_and_is_told_of(
    shop: Shop, old: Server, operator: Process
) -> None:
    """It is why most people move; should it come back, the queue there is freed."""
    url = old.url.replace("//", "//:s3cret@")
    old.call("CONFIG", "SET", "requirepass", "s3cret")
    shop.make_secret("own", url)
    shop.pipeline("email", redis={"secretRef": {"name": "own"}})
    shop.await_reason("email", "SettingsSynced", "Synced")
    assert old.process is not None
    old.process.freeze()
    shop.make_secret("own", shop.server.url)
    wait_until(lambda: shop.settings("email"), UNREACHED_S, what="the settings at the new address")
    shop.await_reason("email", "SettingsSynced", "Synced")
    wait_until(lambda: said(shop, "QueueNotFreed"), 10, what="the Event")
    old.process.thaw()
    wait_until(lambda: said(shop, "QueueLeft"), 40, what="the Event once it is back")

    assert "tried for 10 minutes" in said(shop, "QueueNotFreed")[0]
    assert "s3cret" not in operator.output
    assert "s3cret" not in shop.namespace.kubectl("get", "pipelines,events", "-o", "yaml")


def test_a_prefix_that_another_operator_gives_is_a_move(
    cluster: Cluster, shop: Shop, tmp_path: Path
) -> None:
    """A chart's new value comes with a new process, which knows from the status what was before."""
    flags = ("--namespaces", shop.namespace.name, "--key-prefix")
    with running_operator(cluster, tmp_path / "one.log", *flags, "before"):
        shop.pipeline("email")
        shop.await_reason("email", "SettingsSynced", "Synced")
    assert owner_at(shop.server, shop, "before")
    with running_operator(cluster, tmp_path / "two.log", *flags, "after"):
        wait_until(lambda: owner_at(shop.server, shop, "after"), 20, what="the settings")
        wait_until(lambda: owner_at(shop.server, shop, "before") is None, 20, what="a free queue")
        wait_until(lambda: shop.status("email")["keyPrefix"] == "after", 10, what="the status")


@pytest.mark.usefixtures("operator")
def test_a_pause_outlasts_a_new_name_of_the_same_redis(shop: Shop) -> None:
    """Its record is not one that was left behind: without it, a paused queue is claimed from."""
    shop.pipeline("email", paused=True)
    shop.await_reason("email", "Paused", "PausedBySpec")
    shop.make_secret("alias", shop.url.replace("redis://", "redis://default@"))
    shop.make_secret("other", f"redis://localhost:{shop.server.port}/0")
    for name in ("alias", "other", "flume-redis"):
        shop.patch("email", f'{{"redis": {{"secretRef": {{"name": "{name}"}}}}}}')
        generation = shop.namespace.get("pipeline", "email")["metadata"]["generation"]

        def is_settled(generation: int = generation) -> bool:
            return bool(shop.status("email")["observedGeneration"] == generation)

        wait_until(is_settled, 20, what=f"the settings by Secret {name}")
        assert shop.server.call("HEXISTS", f"flume:{{{shop.queue('email')}}}:pause", "spec")

    shop.patch("email", '{"redis": {"keyPrefix": "team"}}')
    wait_until(lambda: said(shop, "QueueLeft"), 20, what="the Event of a real move")
    assert len(said(shop, "QueueLeft")) == 1
