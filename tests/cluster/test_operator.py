"""A Pipeline becomes objects and settings, and stays so whatever is done to them."""

from __future__ import annotations

import json
from functools import partial

import pytest
import yaml

from tests.support.operating import Shop
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("operator")

REPAIR_SECONDS = 5.0
LIVE_SECONDS = 2.0


def made(shop: Shop, name: str = "email", **spec: object) -> None:
    """Apply a Pipeline and wait until it was brought about."""
    shop.pipeline(name, **spec)
    shop.await_reason(name, "SettingsSynced", "Synced")
    wait_until(lambda: shop.has("deployment", name), 10, what="the Deployment")


def lacks(shop: Shop, kind: str) -> bool:
    """Whether there is no object of the name of the Pipeline."""
    return not shop.has(kind, "email")


def test_a_pipeline_becomes_a_config_map_a_deployment_a_budget_and_settings(shop: Shop) -> None:
    """It is what the operator is for."""
    made(shop, maxDemand=250, replicas=3)

    workers = shop.namespace.get("deployment", "email")
    mounted = shop.namespace.get("configmap", "email")["data"]["pipeline.yaml"]
    status = shop.status("email")
    assert workers["spec"]["replicas"] == 3
    assert yaml.safe_load(mounted)["spec"]["maxDemand"] == 250
    assert shop.namespace.get("pdb", "email")["spec"]["maxUnavailable"] == "25%"
    assert json.loads(shop.settings("email")["json"])["max_demand"] == 250
    assert status["observedGeneration"] == 1
    assert status["settings"]["generation"] == 1
    assert status["keyPrefix"] == "flume"
    assert status["image"] == workers["spec"]["template"]["spec"]["containers"][0]["image"]
    assert status["selector"] == "flume.dev/pipeline=email"


def test_an_edit_of_a_live_field_reaches_redis_and_the_file_and_restarts_nothing(
    shop: Shop,
) -> None:
    """Workers that run obey it, and those that start without the operator do, too."""
    made(shop)
    before = shop.namespace.get("deployment", "email")["metadata"]["generation"]
    shop.patch("email", '{"maxDemand": 7, "rateLimit": {"count": 10, "periodSeconds": 2}}')
    wait_until(
        lambda: json.loads(shop.settings("email")["json"])["max_demand"] == 7,
        LIVE_SECONDS,
        what="the new settings in Redis",
    )
    wait_until(lambda: shop.status("email").get("rate") == "10/2s", 10, what="the rate")

    mounted = shop.namespace.get("configmap", "email")["data"]["pipeline.yaml"]
    assert yaml.safe_load(mounted)["spec"]["maxDemand"] == 7
    assert shop.namespace.get("deployment", "email")["metadata"]["generation"] == before


def test_a_child_that_is_deleted_or_edited_is_put_back(shop: Shop) -> None:
    """What somebody changed by hand is gone at the next rollout anyway: better at once."""
    made(shop)
    image = shop.namespace.get("deployment", "email")["spec"]["template"]["spec"]
    for kind in ("deployment", "configmap", "pdb"):
        shop.namespace.kubectl("delete", kind, "email", "--wait=false")
        wait_until(partial(shop.has, kind, "email"), REPAIR_SECONDS, what=f"{kind} put back")

    shop.namespace.kubectl("set", "image", "deployment/email", "worker=other:1")
    wait_until(
        lambda: shop.namespace.get("deployment", "email")["spec"]["template"]["spec"] == image,
        REPAIR_SECONDS,
        what="the image put back",
    )


@pytest.mark.parametrize("replicas", [1, 2])
def test_what_others_add_is_left_alone(shop: Shop, replicas: int) -> None:
    """Autoscalers own replicas, and tools leave their annotations."""
    made(shop, replicas=replicas)
    shop.namespace.kubectl("annotate", "deployment", "email", "tool.example/seen=yes")
    scale = '{"spec": {"replicas": 4}}'
    patch = ("patch", "deployment", "email", "--subresource", "scale", "--type", "merge")
    shop.namespace.kubectl(*patch, "--patch", scale, "--field-manager", "kube-controller-manager")
    shop.patch("email", '{"env": [{"name": "A", "value": "b"}]}')

    def is_rolled_out() -> bool:
        env = shop.namespace.get("deployment", "email")["spec"]["template"]["spec"]["containers"]
        return {"name": "A", "value": "b"} in env[0]["env"]

    wait_until(is_rolled_out, 10, what="the new variable")
    wait_until(lambda: shop.status("email")["observedGeneration"] == 2, 10, what="the status")
    deployment = shop.namespace.get("deployment", "email")
    assert deployment["spec"]["replicas"] == 4
    assert deployment["metadata"]["annotations"]["tool.example/seen"] == "yes"
    assert shop.status("email")["desiredReplicas"] == 4


def test_replicas_follow_the_pipeline_and_what_was_scaled_by_hand_goes_back(shop: Shop) -> None:
    """`kubectl scale pipeline` is the way; a Deployment that is scaled beside it is drift."""
    made(shop)
    shop.namespace.kubectl("scale", "pipeline", "email", "--replicas", "3")

    def replicas() -> int:
        return int(shop.namespace.get("deployment", "email")["spec"]["replicas"])

    wait_until(lambda: replicas() == 3, 10, what="three replicas")
    shop.namespace.kubectl("scale", "deployment", "email", "--replicas", "5")
    wait_until(lambda: replicas() == 3, REPAIR_SECONDS, what="three replicas again")
    shop.namespace.kubectl("scale", "pipeline", "email", "--replicas", "0")
    wait_until(lambda: replicas() == 0, 10, what="no replicas")
    shop.await_reason("email", "WorkersAvailable", "ScaledToZero")


def test_settings_that_redis_lost_are_written_again(shop: Shop) -> None:
    """A Redis that was flushed would leave workers without a limit."""
    made(shop)
    for _ in range(3):  # the first may be found by a pass that the new Deployment has brought
        shop.server.call("DEL", f"flume:{{{shop.queue('email')}}}:settings")

        wait_until(lambda: bool(shop.settings("email")), REPAIR_SECONDS, what="the settings")


def test_a_spec_that_only_the_api_server_can_judge_is_refused_in_its_words(shop: Shop) -> None:
    """The schema passes an affinity on; a bad one must not be found out by a missing rollout."""
    made(shop)
    before = shop.namespace.get("deployment", "email")["metadata"]["generation"]
    bad = '{"maxDemand": 9, "pod": {"affinity": {"nodeAffinity": {"wrong": 1}}}}'
    shop.patch("email", bad)
    shop.await_reason("email", "SpecValid", "RefusedByApiServer")

    assert "wrong" in shop.condition("email", "SpecValid")[2]
    assert shop.condition("email", "Ready")[0] == "False"
    assert shop.namespace.get("deployment", "email")["metadata"]["generation"] == before
    assert json.loads(shop.settings("email")["json"])["max_demand"] == 100

    shop.patch("email", '{"pod": {"affinity": null}}')
    shop.await_reason("email", "SpecValid", "Valid")
    wait_until(
        lambda: json.loads(shop.settings("email")["json"])["max_demand"] == 9,
        10,
        what="the rest of the edit",
    )


def test_a_deployment_of_somebody_else_is_not_taken_over(shop: Shop) -> None:
    """Server-side apply would make it ours without asking."""
    shop.namespace.kubectl("create", "deployment", "email", "--image", "theirs:1")
    shop.pipeline("email")
    shop.await_reason("email", "WorkersAvailable", "PodsRefused")

    theirs = shop.namespace.get("deployment", "email")["spec"]["template"]["spec"]["containers"]
    assert [item["image"] for item in theirs] == ["theirs:1"]
    assert "not this Pipeline's" in shop.condition("email", "Ready")[2]


def test_a_pipeline_that_is_deleted_takes_its_objects_and_settings_along(shop: Shop) -> None:
    """What stays would count against quotas, and keep its queue from the next owner."""
    made(shop)
    shop.namespace.kubectl("delete", "pipeline", "email")
    wait_until(lambda: not shop.settings("email").get("json"), 10, what="no settings")
    for kind in ("deployment", "configmap", "pdb"):
        wait_until(partial(lacks, shop, kind), 30, what=f"no {kind}")


def test_a_pipeline_made_anew_at_once_under_its_name_works(shop: Shop) -> None:
    """The late end of the first one must not take the second one's objects or settings."""
    made(shop, maxDemand=5)
    first = shop.settings("email")["uid"]
    shop.namespace.kubectl("delete", "pipeline", "email", "--wait=false")
    wait_until(lambda: not shop.has("pipeline", "email"), 10, what="its end")
    shop.pipeline("email", maxDemand=6)
    shop.await_reason("email", "SettingsSynced", "Synced")
    uid = shop.namespace.get("pipeline", "email")["metadata"]["uid"]

    def is_its_own() -> bool:
        found = shop.namespace.find("deployment", "email")  # the first one's may go at any moment
        owners = found["metadata"]["ownerReferences"] if found else []
        return [owner["uid"] for owner in owners] == [uid]

    wait_until(is_its_own, 30, what="a Deployment of its own")
    assert shop.settings("email")["uid"] == uid != first
    assert json.loads(shop.settings("email")["json"])["max_demand"] == 6


def test_a_pipeline_that_no_worker_can_run_yet_says_so_and_has_no_pods(shop: Shop) -> None:
    """Its workers would end at once, again and again, with an error that only their log has."""
    app = {"name": "app", "image": "example/app:1"}
    delivery = {"http": {"port": 8000}}
    shop.pipeline("email", modules=None, delivery=delivery, containers=[app])
    shop.await_reason("email", "SpecValid", "Unsupported")
    status, reason, message = shop.condition("email", "Ready")
    assert (status, reason) == ("False", "Unsupported")
    assert "spec.modules instead" in message
    assert not any(shop.has(kind, "email") for kind in ("deployment", "configmap", "pdb"))

    shop.patch("email", '{"delivery": null, "modules": ["app.jobs"]}')
    shop.await_reason("email", "SettingsSynced", "Synced")
    wait_until(lambda: shop.has("deployment", "email"), 10, what="the Deployment")


def test_the_key_prefix_of_a_refused_pipeline_is_its_own(shop: Shop) -> None:
    """A person who looks for its jobs in Redis goes by it."""
    bad = {"affinity": {"nodeAffinity": {"wrong": 1}}}
    shop.pipeline("email", pod=bad, redis={"keyPrefix": "team"})
    shop.await_reason("email", "SpecValid", "RefusedByApiServer")

    assert shop.status("email")["keyPrefix"] == "team"
