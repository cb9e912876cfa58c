"""Worker pods from the built image: they start, stop, and follow their Secret and their ConfigMap.

In a namespace that enforces the restricted standard, with an operator that makes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from flume import Client
from tests.support.app_image import built_app
from tests.support.clusters import Cluster
from tests.support.operating import Shop
from tests.support.processes import Process
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)

READY_SECONDS = 10.0
"""From the apply to a pod that claims, with its image on the node."""
FILE_SECONDS = 100.0
"""Until the kubelet has put a changed Secret or ConfigMap into a pod: 74 s were seen."""
PODS = ("pods", "--selector", "flume.dev/pipeline=email")


@pytest.fixture(scope="module")
def app_image(
    worker_image: str, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Return the image of an app, loaded into the cluster."""
    with built_app(worker_image, tmp_path_factory.mktemp("app")) as name:
        cluster.load_images(name)
        yield name


@pytest.fixture
def restricted(shop: Shop) -> Shop:
    """Return a namespace that refuses what the restricted standard refuses."""
    label = "pod-security.kubernetes.io/enforce=restricted"
    shop.namespace.cluster.kubectl("label", "namespace", shop.namespace.name, label)
    return shop


@pytest.fixture
def client(shop: Shop) -> Iterator[Client]:
    """Return a client of the Redis of the pods."""
    with Client(shop.url) as opened:
        yield opened


def pods(shop: Shop) -> list[dict[str, Any]]:
    """Return the pods of the Pipeline."""
    items = shop.namespace.get(*PODS)["items"]
    assert isinstance(items, list)
    return items


def uids(shop: Shop) -> set[str]:
    """Return who they are."""
    return {pod["metadata"]["uid"] for pod in pods(shop)}


def is_ready(shop: Shop, count: int = 1) -> bool:
    """Whether so many pods are ready and none is left of those before."""
    ready = [
        condition["status"] == "True"
        for pod in pods(shop)
        for condition in pod["status"].get("conditions", [])
        if condition["type"] == "Ready"
    ]
    return ready == [True] * count


def completed(client: Client, shop: Shop) -> int:
    """Return how many jobs were run to their end."""
    return client.queue(shop.queue("email")).counts().totals.get("completed", 0)


def logs(shop: Shop) -> list[dict[str, Any]]:
    """Return the log lines of the one pod."""
    text = shop.namespace.kubectl("logs", "deployment/email")
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.mark.usefixtures("operator")
def test_a_pipeline_becomes_a_pod_that_runs_its_jobs(
    restricted: Shop, client: Client, app_image: str
) -> None:
    """It is what all of this is for."""
    queue = restricted.queue("email")
    client.enqueue(queue, "quick")
    restricted.pipeline("email", image=app_image)
    wait_until(lambda: completed(client, restricted) == 1, READY_SECONDS, what="a job's end")
    [pod] = pods(restricted)
    [worker] = client.queue(queue).workers()

    assert worker.id.startswith(pod["metadata"]["uid"])
    assert worker.record["pod"] == pod["metadata"]["name"]
    assert worker.record["generation"] == 1
    assert not [v for v in pod["spec"]["volumes"] if v["name"].startswith("kube-api-access")]
    wait_until(lambda: restricted.condition("email", "Ready")[0] == "True", 30, what="Ready")


@pytest.mark.usefixtures("operator")
def test_a_rollout_loses_no_job_and_runs_none_twice(
    restricted: Shop, client: Client, app_image: str
) -> None:
    """A deploy is when most pods end; each has to let go of its jobs in order."""
    queue, jobs = restricted.queue("email"), 200
    restricted.pipeline("email", image=app_image, replicas=2, maxDemand=5)
    wait_until(lambda: is_ready(restricted, 2), 60, what="two workers")
    before = uids(restricted)
    for _ in range(jobs):
        client.enqueue(queue, "long", 0.5)
    restricted.patch("email", '{"env": [{"name": "RELEASE", "value": "2"}]}')
    wait_until(lambda: completed(client, restricted) == jobs, 120, what="all jobs' ends")
    wait_until(
        lambda: is_ready(restricted, 2) and not before & uids(restricted), 120, what="new pods"
    )
    counts = client.queue(queue).counts()

    assert counts.totals["completed"] == jobs
    assert (counts.retrying, counts.dead, counts.running) == (0, 0, 0)
    assert counts.totals.get("retried", 0) == 0


@pytest.mark.usefixtures("operator")
def test_a_wrong_image_is_said_while_workers_of_the_one_before_go_on(
    restricted: Shop, client: Client, app_image: str
) -> None:
    """Whoever mistyped it sees a Pipeline whose jobs run, and would look no further."""
    restricted.pipeline("email", image=app_image)
    restricted.await_reason("email", "Ready", "Available", 60)
    restricted.patch("email", '{"image": "example.invalid/app:1"}')
    restricted.await_reason("email", "Ready", "Updating")
    client.enqueue(restricted.queue("email"), "quick")
    wait_until(lambda: completed(client, restricted) == 1, 10, what="a job's end")

    status, reason, message = restricted.condition("email", "Ready")
    assert (status, reason) == ("True", "Updating")
    assert "1 of 1 worker ready. 1 with the image and settings before." in message


@pytest.mark.usefixtures("operator")
def test_live_fields_change_on_pods_that_stay(
    restricted: Shop, client: Client, app_image: str
) -> None:
    """A restart would cost the jobs that run their time."""
    restricted.pipeline("email", image=app_image)
    wait_until(lambda: is_ready(restricted), 60, what="a worker")
    before = uids(restricted)
    restricted.patch("email", '{"maxDemand": 7, "paused": true}')
    queue = client.queue(restricted.queue("email"))
    wait_until(lambda: queue.workers()[0].record["max_demand"] == 7, 5, what="seven")

    assert uids(restricted) == before
    assert is_ready(restricted)  # a pause is no illness


def test_a_pod_follows_its_config_map_without_operator_and_record(
    restricted: Shop, client: Client, app_image: str, operator: Process
) -> None:
    """A person can still pause what runs wild when nothing but the cluster is left."""
    restricted.pipeline("email", image=app_image)
    wait_until(lambda: is_ready(restricted), 60, what="a worker")
    operator.terminate()
    operator.wait()
    restricted.server.call("DEL", f"flume:{{{restricted.queue('email')}}}:settings")
    wait_until(
        lambda: any(line["event"] == "settings_gone" for line in logs(restricted)), 10, what="gone"
    )
    text = restricted.namespace.get("configmap", "email")["data"]["pipeline.yaml"]
    data = {"data": {"pipeline.yaml": text.replace("spec:", "spec:\n  paused: true")}}
    restricted.namespace.kubectl("patch", "configmap", "email", "--patch", json.dumps(data))
    # The kubelet looks again when the pod itself has changed, in place of a minute later.
    [pod] = pods(restricted)
    restricted.namespace.kubectl("annotate", "pod", pod["metadata"]["name"], "look=again")
    wait_until(
        lambda: any(
            line["event"] == "settings_changed" and line["changed"] == {"paused": [False, True]}
            for line in logs(restricted)
        ),
        FILE_SECONDS,
        what="the pause of the file",
    )
    client.enqueue(restricted.queue("email"), "quick")

    assert client.queue(restricted.queue("email")).counts().ready == 1


@pytest.mark.usefixtures("operator")
def test_a_pod_waits_for_its_secret_and_outlives_its_rotation(
    restricted: Shop, client: Client, app_image: str
) -> None:
    """The order of an apply is nobody's to know, and passwords are changed on running systems."""
    user = restricted.url.replace("//", "//pods:{}@")
    call = restricted.server.call
    call("ACL", "SETUSER", "pods", "reset", "on", ">one", "~*", "&*", "+@all")
    restricted.pipeline("email", image=app_image, redis={"secretRef": {"name": "later"}})
    wait_until(lambda: pods(restricted), 30, what="a pod")
    restricted.make_secret("later", user.format("one"))
    wait_until(lambda: is_ready(restricted), 150, what="a worker")  # the kubelet tries ever later
    [pod] = pods(restricted)
    call("ACL", "SETUSER", "pods", "resetpass", ">two")
    call("CLIENT", "KILL", "USER", "pods")
    wait_until(lambda: not is_ready(restricted), 30, what="a worker without Redis")
    restricted.make_secret("later", user.format("two"))
    restricted.namespace.kubectl("annotate", "pod", pod["metadata"]["name"], "look=again")
    wait_until(lambda: is_ready(restricted), FILE_SECONDS, what="the new password")
    client.enqueue(restricted.queue("email"), "quick")
    wait_until(lambda: completed(client, restricted) == 1, 10, what="a job's end")
    [after] = pods(restricted)

    assert after["metadata"]["uid"] == pod["metadata"]["uid"]
    assert after["status"]["containerStatuses"][0]["restartCount"] == 0
