"""Hundreds of Pipelines, whose pods kwok pretends to run, and how soon they are synced."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.cluster.audit import Counts, Trail
from benchmarks.cluster.kube import PIPELINES, Object
from benchmarks.cluster.operators import Memory
from benchmarks.cluster.stage import Stage
from benchmarks.cluster.waiting import NeverError, until
from benchmarks.processes import check_alive, running

NAMESPACE = "bench-many"
SYNC_SECONDS = 600.0
NODES, PODS_A_NODE = 3, 1000
FAKE = "kwok.x-k8s.io/node"


@dataclass(frozen=True, slots=True)
class Synced:
    """What a start of the operator came to."""

    synced_s: float
    """Until the settings of all Pipelines were in Redis, their children made, and both reported."""
    ready_s: float
    """Until all Pipelines were Ready."""
    counts: Counts
    """Calls of the operator until then."""
    memory: Memory
    """Of the leader."""


class Many:
    """Pipelines with one pretended pod each.

    Args:
        stage: Where they are.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._path = f"{PIPELINES}/namespaces/{NAMESPACE}/pipelines"
        self.count = 0
        """How many there are."""

    @staticmethod
    def name(number: int) -> str:
        """Return the name of a Pipeline."""
        return f"many-{number:04}"

    def start_with(self, count: int) -> Synced:
        """Start the operator with so many Pipelines, those there are already included."""
        stage, trail = self._stage, Trail(self._stage.node)
        stage.operators.stop()
        while self.count < count:
            stage.calls.call("POST", self._path, self._manifest(self.name(self.count)))
            self.count += 1
        trail.mark()
        started = time.monotonic()
        stage.operators.start()
        synced_s, ready_s = self._watch(started)
        counts = trail.counts()
        stage.operators.await_ready()
        return Synced(synced_s, ready_s, counts, stage.operators.memory(stage.operators.leader()))

    def _watch(self, started: float) -> tuple[float, float]:
        """Return after how many seconds all are synced, and after how many all are Ready."""
        calls, synced, ready, synced_s = self._stage.calls, set[str](), set[str](), 0.0
        found = calls.call("GET", self._path)
        version = found["metadata"]["resourceVersion"]
        for item in self._each(found["items"], calls.watch(self._path, version, SYNC_SECONDS)):
            name = item["metadata"]["name"]
            (synced.add if is_synced(item) else synced.discard)(name)
            (ready.add if is_ready(item) else ready.discard)(name)
            now = time.monotonic() - started
            if len(synced) == self.count and not synced_s:
                synced_s = now
            if synced_s and len(ready) == self.count:
                return synced_s, now
        raise NeverError(
            f"{len(synced)} of {self.count} Pipelines are synced and {len(ready)} Ready "
            f"after {SYNC_SECONDS:g} s"
        )

    @staticmethod
    def _each(items: list[Object], events: Iterator[Object]) -> Iterator[Object]:
        yield from items
        yield from events

    def _manifest(self, name: str) -> Object:
        pod = {
            "nodeSelector": {"type": "kwok"},
            "tolerations": [{"key": FAKE, "operator": "Exists", "effect": "NoSchedule"}],
        }
        manifest = self._stage.manifest(name, pod=pod)
        return manifest | {"metadata": {"name": name, "namespace": NAMESPACE}}


def is_synced(pipeline: Object) -> bool:
    """Whether the operator has done its part: what is missing is the pods'."""
    status = pipeline.get("status", {})
    found = {each["type"]: each for each in status.get("conditions", [])}
    is_current = bool(status.get("observedGeneration") == pipeline["metadata"]["generation"])
    is_in_force = bool(found.get("SettingsSynced", {}).get("status") == "True")
    is_made = bool(found.get("WorkersAvailable", {}).get("reason", "NotDeployed") != "NotDeployed")
    return is_current and is_in_force and is_made


def is_ready(pipeline: Object) -> bool:
    """Whether a Pipeline is synced and Ready."""
    conditions = pipeline.get("status", {}).get("conditions", [])
    ready = {each["type"]: each["status"] for each in conditions}.get("Ready")
    return is_synced(pipeline) and ready == "True"


@contextlib.contextmanager
def pretended(stage: Stage) -> Iterator[Many]:
    """Run kwok beside the cluster, and yield Pipelines, none yet."""
    log = stage.folder / "kwok.log"
    command = [
        *("kwok", "--kubeconfig", str(stage.kube.kubeconfig), "--config", "/dev/null"),
        *("--manage-nodes-with-annotation-selector", f"{FAKE}=fake"),
        *("--node-lease-duration-seconds", "40", "--cidr", "10.99.0.1/16"),
    ]
    with running(command, log=log) as process:
        for number in range(NODES):
            stage.kube.apply(_node(f"kwok-{number}"))
        until(lambda: _are_ready(stage), 60, "kwok's nodes", poll=0.5)
        check_alive(process, log)
        _make_namespace(stage)
        yield Many(stage)
        check_alive(process, log)


def _make_namespace(stage: Stage) -> None:
    """Make an empty namespace with the Secret; kwok ends the pods that an earlier run left."""
    kubectl = stage.kube.kubectl
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=600s", timeout=610)
    kubectl("create", "namespace", NAMESPACE)
    secret = stage.kube.get("secret", "flume-redis")
    secret["metadata"] = {"name": "flume-redis", "namespace": NAMESPACE}
    stage.calls.call("POST", f"/api/v1/namespaces/{NAMESPACE}/secrets", secret)
    account = ("serviceaccount/default", "--namespace", NAMESPACE, "--timeout=30s")
    kubectl("wait", "--for=create", *account)


def _node(name: str) -> Object:
    labels = {"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/role": "agent"}
    room = {"cpu": "1000", "memory": "1000Gi", "pods": str(PODS_A_NODE)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {FAKE: "fake"}},
        "spec": {"taints": [{"key": FAKE, "value": "fake", "effect": "NoSchedule"}]},
        "status": {"allocatable": room, "capacity": room},
    }


def _are_ready(stage: Stage) -> bool:
    items = stage.kube.get("nodes", "--selector", "type=kwok")["items"]
    ready = [
        each["status"] == "True"
        for item in items
        for each in item["status"].get("conditions", [])
        if each["type"] == "Ready"
    ]
    return ready == [True] * NODES
