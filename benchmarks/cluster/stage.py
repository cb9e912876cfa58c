"""What all measurements share: a cluster with the operator, a Redis, and Pipelines on both."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from redis import Redis

from benchmarks.cluster import kind
from benchmarks.cluster.images import built_images
from benchmarks.cluster.kind import Node
from benchmarks.cluster.kube import PIPELINES, Calls, Kube, Object
from benchmarks.cluster.operators import NAMESPACE as OPERATORS
from benchmarks.cluster.operators import Operators
from benchmarks.cluster.waiting import until
from benchmarks.server import embedded_valkey
from flume import Client
from flume.keys import Keys
from flume.operations import WorkerInfo

NAMESPACE = "bench"
MODULE = "app.jobs"
READY_SECONDS = 120.0
END_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A cluster that is ready."""

    node: Node
    kube: Kube
    calls: Calls
    operators: Operators
    redis: Redis
    client: Client
    app_image: str
    gateway: str
    """Address of this machine as pods see it."""
    pod_url: str
    """Of Redis, as pods reach it."""
    server: str
    folder: Path

    @contextlib.contextmanager
    def pipeline(self, name: str, **spec: Any) -> Iterator[None]:
        """Apply a Pipeline whose queue has its name; it is deleted when the block ends."""
        self.kube.apply(self.manifest(name, **spec))
        try:
            yield
        finally:
            self.kube.kubectl("delete", "pipeline", name, "--ignore-not-found")
            self._await_no_pods(name)

    def manifest(self, name: str, **spec: Any) -> Object:
        """Return a Pipeline of the benchmark's app."""
        given = {"queue": name, "modules": [MODULE], "image": self.app_image}
        address = {"name": "BENCH_REDIS_URL", "value": self.pod_url}
        return {
            "apiVersion": "flume.dev/v1alpha1",
            "kind": "Pipeline",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": given | {"env": [address]} | spec,
        }

    def patch(self, name: str, spec: Object) -> None:
        """Change a spec by kubectl, as people do."""
        patch = json.dumps({"spec": spec})
        self.kube.kubectl("patch", "pipeline", name, "--type", "merge", "--patch", patch)

    def read(self, name: str) -> Object:
        """Return a Pipeline as it is now."""
        path = f"{PIPELINES}/namespaces/{NAMESPACE}/pipelines/{name}"
        return self.calls.call("GET", path)

    def deployment(self, name: str) -> Object | None:
        """Return the Deployment of a Pipeline; None where there is none."""
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
        items = self.calls.call("GET", f"{path}?fieldSelector=metadata.name%3D{name}")["items"]
        return dict(items[0]) if items else None

    def pods(self, name: str) -> list[Object]:
        """Return the pods of a Pipeline."""
        selector = f"labelSelector=flume.dev%2Fpipeline%3D{name}"
        path = f"/api/v1/namespaces/{NAMESPACE}/pods?{selector}"
        return [dict(pod) for pod in self.calls.call("GET", path)["items"]]

    def uids(self, name: str) -> set[str]:
        """Return who the pods of a Pipeline are."""
        return {pod["metadata"]["uid"] for pod in self.pods(name)}

    def workers(self, name: str) -> list[WorkerInfo]:
        """Return the live workers of a Pipeline."""
        return self.client.queue(name).workers()

    def await_workers(self, name: str, count: int) -> None:
        """Return once so many workers live, all of them by the Pipeline's settings."""

        generation = self.read(name)["metadata"]["generation"]
        are_there = partial(self.obeys, name, count, generation)
        until(are_there, READY_SECONDS, f"{count} workers of {name}", poll=0.2)

    def obeys(self, name: str, count: int, generation: int) -> bool:
        """Say whether a generation is in force and so many workers live, all of them by it."""
        fields = ["spec", "generation", "uid"]
        found = cast(list[bytes | None], self.redis.hmget(Keys(name).settings, fields))
        spec, number, uid = ((value or b"").decode() for value in found)
        told = [
            (str(worker.record["generation"]), worker.record["settings_uid"])
            for worker in self.workers(name)
        ]
        return spec == str(generation) and told == [(number, uid)] * count

    def _await_no_pods(self, name: str) -> None:
        until(lambda: not self.pods(name), END_SECONDS, f"the end of {name}", poll=0.2)


@contextlib.contextmanager
def built_stage(folder: Path, kept: str = "") -> Iterator[Stage]:
    """Build everything; nothing of it is left when the block ends, but for a kept cluster."""
    with contextlib.ExitStack() as stack:
        images = stack.enter_context(built_images(folder))
        node = stack.enter_context(kind.running_cluster(folder, kept))
        node.load([images.operator, images.worker, images.app])
        server = stack.enter_context(embedded_valkey(folder, is_open=True))
        kubeconfig, gateway = node.kubeconfig(folder), kind.gateway()
        operators = Operators(node, Kube(kubeconfig, OPERATORS))
        operators.install(images)
        stage = Stage(
            node=node,
            kube=Kube(kubeconfig, NAMESPACE),
            calls=stack.enter_context(contextlib.closing(Calls(kubeconfig))),
            operators=operators,
            redis=stack.enter_context(Redis.from_url(server.url)),
            client=stack.enter_context(Client(server.url)),
            app_image=images.app,
            gateway=gateway,
            pod_url=f"redis://{gateway}:{server.port}/0",
            server=server.version,
            folder=folder,
        )
        _make_namespace(stage)
        yield stage


def _make_namespace(stage: Stage) -> None:
    """Make an empty namespace with the Secret that says where Redis is."""
    stage.kube.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", timeout=300)
    stage.kube.kubectl("create", "namespace", NAMESPACE)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "flume-redis"},
        "stringData": {"url": stage.pod_url},
    }
    stage.kube.apply(secret)
    account = ("serviceaccount/default", "--timeout=30s")
    stage.kube.kubectl("wait", "--for=create", *account)
