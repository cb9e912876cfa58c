"""The clusters of the tests themselves: what a killed run leaves behind is found and removed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.clusters import PREFIX, delete_abandoned_clusters
from tests.support.programs import call

if TYPE_CHECKING:
    from tests.support.clusters import Cluster, Namespace


def test_the_cluster_of_a_killed_run_is_deleted_and_others_are_not(cluster: Cluster) -> None:
    """A cluster takes 600 MiB; after a few killed runs a laptop has none left."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    ours, abandoned = f"{PREFIX}{os.getpid()}-pretended", f"{PREFIX}{dead.pid}-0"
    image = call("docker", "inspect", "--format", "{{.Image}}", cluster.node, timeout=20).strip()
    for name in (ours, abandoned):
        label = f"io.x-k8s.kind.cluster={name}"  # how kind knows its nodes
        call("docker", "create", "--name", name, "--label", label, image, timeout=20)
    try:
        delete_abandoned_clusters()

        left = call("kind", "get", "clusters", timeout=20).split()
        assert abandoned not in left
        assert {ours, cluster.name} <= set(left)
    finally:
        call("docker", "rm", "--force", ours, timeout=20)


def test_a_namespace_is_ready_for_pods_and_for_pipelines(namespace: Namespace) -> None:
    """A pod that is refused for want of a service account would look like a bug of ours."""
    assert namespace.kubectl("get", "pipelines") == ""
    assert namespace.get("serviceaccount", "default")["metadata"]["namespace"] == namespace.name
