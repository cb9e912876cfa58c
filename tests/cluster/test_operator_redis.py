"""Redis and its Secret: missing, wrong, shared; and the queue that two Pipelines want."""

from __future__ import annotations

from pathlib import Path

import pytest

from flume import Client
from tests.support.clusters import Cluster
from tests.support.operating import Shop, running_operator
from tests.support.servers import free_port
from tests.support.waiting import wait_until


@pytest.mark.usefixtures("operator")
def test_a_secret_that_is_missing_is_named_and_noticed_once_it_is_there(shop: Shop) -> None:
    """A chart that makes both at once makes them in any order."""
    shop.pipeline("email", redis={"secretRef": {"name": "other"}})
    shop.await_reason("email", "SettingsSynced", "SecretMissing")
    assert "no Secret other in namespace" in shop.condition("email", "Ready")[2]
    wait_until(lambda: shop.has("deployment", "email"), 10, what="the Deployment all the same")

    shop.make_secret("other")
    shop.await_reason("email", "SettingsSynced", "Synced")


@pytest.mark.usefixtures("operator")
def test_a_redis_that_is_away_is_named_without_its_password(shop: Shop) -> None:
    """Whoever may read a Pipeline may not read its Secret."""
    away = f"redis://:s3cret@127.0.0.1:{free_port()}/0"
    shop.make_secret("away", away)
    shop.pipeline("slow", redis={"secretRef": {"name": "away"}})
    shop.await_reason("slow", "SettingsSynced", "RedisUnavailable")

    assert "s3cret" not in shop.namespace.kubectl("get", "pipelines,events", "-o", "yaml")
    assert shop.condition("slow", "Paused")[0] == "Unknown"
    wait_until(lambda: shop.has("deployment", "slow"), 10, what="the Deployment all the same")


@pytest.mark.usefixtures("operator")
def test_a_url_that_is_none_is_said_to_be(shop: Shop) -> None:
    """A host and port alone are a common mistake."""
    shop.make_secret("wrong", "valkey:6379")
    shop.pipeline("email", redis={"secretRef": {"name": "wrong"}})
    shop.await_reason("email", "SettingsSynced", "SecretInvalid")

    assert "redis://host:6379/0" in shop.condition("email", "SettingsSynced")[2]


@pytest.mark.usefixtures("operator")
def test_of_two_pipelines_with_one_queue_the_older_has_it_until_it_goes(shop: Shop) -> None:
    """Two owners would undo each other's settings for ever."""
    queue = shop.queue("shared")
    shop.pipeline("first", queue=queue)
    shop.await_reason("first", "SettingsSynced", "Synced")
    shop.await_another_second()
    shop.pipeline("second", queue=queue)
    shop.await_reason("second", "Ready", "QueueConflict")
    assert f"{shop.namespace.name}/first" in shop.condition("second", "Ready")[2]
    assert not shop.has("deployment", "second")

    shop.namespace.kubectl("delete", "pipeline", "first")
    shop.await_reason("second", "SettingsSynced", "Synced", 10)
    wait_until(lambda: shop.has("deployment", "second"), 10, what="the Deployment of the second")


def test_a_queue_whose_owner_went_while_nobody_looked_is_freed(
    cluster: Cluster, shop: Shop, tmp_path: Path
) -> None:
    """Its deletion was never heard, so nobody has released the queue."""
    flags = ("--namespaces", shop.namespace.name)
    queue = shop.queue("shared")
    with running_operator(cluster, tmp_path / "one.log", *flags) as process:
        shop.pipeline("first", queue=queue)
        shop.await_reason("first", "SettingsSynced", "Synced")
        process.kill()
    shop.namespace.kubectl("delete", "pipeline", "first")
    shop.pipeline("second", queue=queue)
    with running_operator(cluster, tmp_path / "two.log", *flags):
        shop.await_reason("second", "SettingsSynced", "Synced")


@pytest.mark.usefixtures("operator")
def test_a_client_s_pause_is_shown_and_not_undone(shop: Shop) -> None:
    """Whoever wonders why nothing runs sees it in kubectl; and reconciles are no resumes."""
    shop.pipeline("email")
    shop.await_reason("email", "SettingsSynced", "Synced")
    with Client(shop.server.url) as client:
        client.queue(shop.queue("email")).pause(reason="vendor down", by="ada")
        shop.await_reason("email", "Paused", "PausedByClient")
        shop.patch("email", '{"maxDemand": 3}')
        wait_until(lambda: shop.status("email")["observedGeneration"] == 2, 10, what="the edit")

        assert shop.status("email")["paused"] is True
        [pause] = shop.status("email")["pausedBy"]
        assert (pause["source"], pause["reason"], pause["by"]) == ("client", "vendor down", "ada")

        client.queue(shop.queue("email")).resume()
        shop.await_reason("email", "Paused", "NotPaused")


@pytest.mark.usefixtures("operator")
def test_of_pipelines_that_give_one_rate_limit_differently_all_say_so(shop: Shop) -> None:
    """The one to change may be either, also the strictest, which alone has what it asked for."""
    key = shop.namespace.name
    shop.pipeline("strict", rateLimit={"count": 5, "periodSeconds": 60, "key": key})
    shop.await_reason("strict", "SettingsSynced", "Synced")
    shop.pipeline("loose", rateLimit={"count": 9, "periodSeconds": 60, "key": key})
    for name in ("loose", "strict"):
        shop.await_reason(name, "SettingsSynced", "RateLimitMismatch")
        assert shop.status(name)["rate"] == "5/60s"

    shop.patch("strict", '{"rateLimit": {"count": 9}}')
    for name in ("loose", "strict"):
        shop.await_reason(name, "SettingsSynced", "Synced")
    assert {shop.status(name)["rate"] for name in ("loose", "strict")} == {"9/60s"}
