"""Make the benchmark's cluster with kind, or use one that an earlier run left."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cluster.programs import ProgramError, call
from benchmarks.processes import REPOSITORY

NAME = "flume-bench"
CREATE_SECONDS = 420.0  # a machine that pulls the node image takes minutes
READY_SECONDS = 240
LOAD_SECONDS = 300.0
ASK_SECONDS = 60.0

POLICY = REPOSITORY / "benchmarks" / "cluster" / "audit.yaml"
POLICY_IN_NODE = "/etc/kubernetes/audit.yaml"
LOG_FOLDER = "/var/log/kubernetes"
LOG = f"{LOG_FOLDER}/audit.log"

# The controllers' own limits of 20 calls a second make pods of 500 Pipelines take minutes.
QUICK = {"kube-api-qps": "1000", "kube-api-burst": "2000"}
SYNCS = dict.fromkeys(("concurrent-deployment-syncs", "concurrent-replicaset-syncs"), "20")


class Node:
    """The one node of the cluster, as a container of Docker."""

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self._container = f"{cluster}-control-plane"

    def run(self, *command: str, timeout: float = ASK_SECONDS) -> str:
        """Run a program in the node and return what it prints."""
        return call("docker", "exec", self._container, *command, timeout=timeout)

    def load(self, images: Sequence[str]) -> None:
        """Copy images from the Docker engine into the node."""
        load = ("kind", "load", "docker-image", "--name", self.cluster)
        call(*load, *images, timeout=LOAD_SECONDS)

    def kubeconfig(self, folder: Path) -> Path:
        """Write the cluster's kubeconfig and return where it is."""
        file = folder / "kubeconfig"
        file.touch(0o600)
        text = call("kind", "get", "kubeconfig", "--name", self.cluster, timeout=ASK_SECONDS)
        file.write_text(text, encoding="utf-8")
        return file


@contextlib.contextmanager
def running_cluster(folder: Path, kept: str = "") -> Iterator[Node]:
    """Run a cluster whose API server notes each call of the operator.

    Args:
        folder: For files.
        kept: Name of a cluster that is used where it is there, made where it is not, and left;
            without it one is made and deleted.
    """
    name = kept or f"{NAME}-{os.getpid()}"
    clusters = call("kind", "get", "clusters", timeout=ASK_SECONDS).split()
    try:
        if name not in clusters:
            _create(name, folder)
        yield Node(name)
    finally:
        if not kept:
            call("kind", "delete", "cluster", "--name", name, timeout=ASK_SECONDS)


def gateway() -> str:
    """Return the address of this machine as pods and nodes see it."""
    networks = call("docker", "network", "inspect", "kind", timeout=ASK_SECONDS)
    for entry in json.loads(networks)[0]["IPAM"]["Config"]:
        if "." in entry.get("Gateway", ""):
            return str(entry["Gateway"])
    raise ProgramError(f"the Docker network kind has no IPv4 gateway: {networks}")


def _create(name: str, folder: Path) -> None:
    """Make a cluster; a second time if need be, for on a busy machine kind may give up."""
    config = folder / "kind.json"  # JSON is YAML
    config.write_text(json.dumps(configuration(os.environ.get("KIND_NODE_IMAGE", ""))))
    create = ("kind", "create", "cluster", "--name", name, "--config", str(config))
    quiet = ("--kubeconfig", str(folder / "created"), "--wait", f"{READY_SECONDS}s")
    for is_last in (False, True):
        try:
            call(*create, *quiet, timeout=CREATE_SECONDS)
        except ProgramError:
            call("kind", "delete", "cluster", "--name", name, timeout=ASK_SECONDS)
            if is_last:
                raise
        else:
            return


def configuration(image: str) -> dict[str, Any]:
    """Return kind's configuration of the cluster."""
    mount = {"hostPath": str(POLICY), "containerPath": POLICY_IN_NODE, "readOnly": True}
    node = {"role": "control-plane", "extraMounts": [mount]}
    volumes = [
        _volume("audit-policy", POLICY_IN_NODE, "File", is_read_only=True),
        _volume("audit-log", LOG_FOLDER, "DirectoryOrCreate", is_read_only=False),
    ]
    patch = {
        "kind": "ClusterConfiguration",
        "apiServer": {
            "extraArgs": {"audit-policy-file": POLICY_IN_NODE, "audit-log-path": LOG},
            "extraVolumes": volumes,
        },
        "controllerManager": {"extraArgs": QUICK | SYNCS},
        "scheduler": {"extraArgs": QUICK},
    }
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [node | ({"image": image} if image else {})],
        "kubeadmConfigPatches": [json.dumps(patch)],
    }


def _volume(name: str, path: str, kind: str, *, is_read_only: bool) -> dict[str, Any]:
    place = {"name": name, "hostPath": path, "mountPath": path, "pathType": kind}
    return place | {"readOnly": is_read_only}
