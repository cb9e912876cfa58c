"""An operator as a process of this machine, and a Redis that it and pods reach."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.support.clusters import Cluster, Namespace, RefusedError
from tests.support.looking import PATHS
from tests.support.probing import probe_of, total
from tests.support.processes import REPOSITORY, Process, running
from tests.support.programs import call
from tests.support.servers import Server, running_server
from tests.support.waiting import wait_until

STARTED = "operator_started"
START_SECONDS = 30.0
SEEN_SECONDS = 30.0
"""Until a change is to be seen: what must be quick has a bound of its own in its test."""


@contextlib.contextmanager
def running_operator(
    cluster: Cluster, log: Path, *flags: str, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run an operator on this machine, and return once it watches."""
    with starting_operator(cluster, log, *flags, environment=environment) as process:
        process.wait_for_output(STARTED, START_SECONDS)
        yield process


@contextlib.contextmanager
def starting_operator(
    cluster: Cluster, log: Path, *flags: str, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run an operator on this machine, which may not come up."""
    paths = [str(REPOSITORY / source) for source in ("worker", "operator")]
    given = {
        "KUBECONFIG": str(cluster.kubeconfig),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        **(environment or {}),
    }
    command = [sys.executable, "-m", "flume_operator", "--health-port", "0", "--look", "1", *flags]
    with running(command, log=log, environment=given) as process:
        yield process


class Shop:
    """A namespace with Pipelines, the Redis they use, and an operator that looks after them.

    Args:
        namespace: Of the cluster.
        server: Their Redis.
        url: Of that Redis, as both pods and this machine reach it.
    """

    def __init__(self, namespace: Namespace, server: Server, url: str) -> None:
        self.namespace = namespace
        self.server = server
        self.url = url

    def make_secret(self, name: str = "flume-redis", url: str | None = None) -> None:
        """Make the Secret that says where Redis is, or change it."""
        self.namespace.apply(
            f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\n"
            f"stringData: {{url: {url or self.url!r}}}\n"
        )

    def let_go(self) -> None:
        """Take the finalizers off what is left: nobody is there to do it, and a namespace that
        stays keeps the definition of Pipelines from being deleted by another test."""
        with contextlib.suppress(RefusedError):  # no definition, or none is left
            for name in self.namespace.kubectl("get", "pipelines", "--output", "name").split():
                no_more = '{"metadata": {"finalizers": null}}'
                self.namespace.kubectl("patch", name, "--type", "merge", "--patch", no_more)

    def pipeline(self, name: str, **spec: Any) -> None:
        """Apply a Pipeline; its queue has the name of both."""
        self.namespace.apply(manifest(name, **{"queue": self.queue(name), **spec}))

    def queue(self, name: str) -> str:
        """Return the queue of a Pipeline: tests share a Redis."""
        return f"{self.namespace.name}.{name}"

    def patch(self, name: str, spec: str) -> None:
        """Change a spec, as people do."""
        patch = f'{{"spec": {spec}}}'
        self.namespace.kubectl("patch", "pipeline", name, "--type", "merge", "--patch", patch)

    def status(self, name: str) -> dict[str, Any]:
        """Return the status of a Pipeline."""
        found = self.namespace.get("pipeline", name).get("status", {})
        assert isinstance(found, dict)
        return found

    def condition(self, name: str, kind: str) -> tuple[str, str, str]:
        """Return status, reason and message of a condition; empty where there is none."""
        for item in self.status(name).get("conditions", []):
            if item["type"] == kind:
                return item["status"], item["reason"], item["message"]
        return "", "", ""

    def await_reason(
        self, name: str, kind: str, reason: str, timeout: float = SEEN_SECONDS
    ) -> None:
        """Wait until a condition has a reason."""
        what = f"{reason} as reason of {kind} of {name}"
        wait_until(lambda: self.condition(name, kind)[1] == reason, timeout, what=what)

    def await_another_second(self) -> None:
        """Wait until what is made now is younger: the API server counts in seconds."""
        started = int(time.time())
        wait_until(lambda: int(time.time()) > started, 2, what="another second")

    def settings(self, name: str) -> dict[str, str]:
        """Return the settings record of a queue."""
        flat = self.server.call("HGETALL", f"flume:{{{self.queue(name)}}}:settings")
        return {key.decode(): value.decode() for key, value in flat.items()}

    def has(self, *what: str) -> bool:
        """Whether an object is there, or one of those that kubectl would list."""
        if len(what) == 2 and what[0] in PATHS:
            return self.namespace.find(*what) is not None
        return bool(self.namespace.kubectl("get", *what, "--ignore-not-found", "-o", "name"))


def metric(process: Process, name: str) -> float:
    """Return the sum of a metric of an operator over its labels."""
    return total(probe_of(process).samples(), name)


def is_brought_about(shop: Shop, name: str, max_demand: int) -> Callable[[], bool]:
    """Return whether a Pipeline's settings, file, Deployment and status are those of its spec."""

    def is_so() -> bool:
        found = shop.namespace.find("pipeline", name)
        config_map = shop.namespace.find("configmap", name)
        if not (found and config_map and shop.has("deployment", name) and shop.has("pdb", name)):
            return False
        generation, status = found["metadata"]["generation"], found.get("status", {})
        record = shop.settings(name)
        return (
            json.loads(record.get("json", "{}")).get("max_demand") == max_demand
            and record["uid"] == found["metadata"]["uid"]
            and f"maxDemand: {max_demand}" in config_map["data"]["pipeline.yaml"]
            and status.get("observedGeneration") == generation
            and status.get("settings", {}).get("generation") == generation
        )

    return is_so


def is_up(cluster: Cluster) -> bool:
    """Whether the API server answers."""
    try:
        return cluster.kubectl("get", "--raw", "/readyz", timeout=5) == "ok"
    except RefusedError:
        return False


def manifest(name: str, **spec: Any) -> str:
    """Return a Pipeline as text: JSON is YAML."""

    return json.dumps(
        {
            "apiVersion": "flume.dev/v1alpha1",
            "kind": "Pipeline",
            "metadata": {"name": name},
            "spec": {"modules": ["app.jobs"], **spec},
        }
    )


@contextlib.contextmanager
def reachable_server(folder: Path) -> Iterator[tuple[Server, str]]:
    """Run a Valkey that pods reach as well, and yield it with its URL."""
    with running_server("valkey", folder, "--bind", "0.0.0.0", "--protected-mode", "no") as server:
        yield server, f"redis://{_gateway()}:{server.port}/0"


def _gateway() -> str:
    """Return the address of this machine as kind's nodes see it."""
    networks = call("docker", "network", "inspect", "kind", timeout=30)

    for entry in json.loads(networks)[0]["IPAM"]["Config"]:
        if "." in entry.get("Gateway", ""):
            return str(entry["Gateway"])
    raise RuntimeError(f"the network kind has no IPv4 gateway: {networks}")
