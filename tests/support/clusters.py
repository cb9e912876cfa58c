"""Real Kubernetes clusters for the tests: kind makes them, through pytest-kubernetes.

The provider's own fixture makes a cluster for each test and asks for one fixed image; here one
cluster serves the session, and ``KIND_NODE_IMAGE`` names its image where it is set.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pytest_kubernetes.options import ClusterOptions

from tests.support.looking import PATHS, Eyes, UnseenError
from tests.support.processes import REPOSITORY
from tests.support.programs import call
from tests.support.waiting import wait_until

CRDS = REPOSITORY / "crds"
PREFIX = "flume-test-"  # and the id of the process that made it

START_SECONDS = 300.0  # a slow machine that pulls the node image takes minutes
READY_SECONDS = 120.0  # of these, from a running API server to a node that takes pods
ASK_SECONDS = 60.0
EXPLAIN_SECONDS = 30.0
ESTABLISHED_SECONDS = 30.0
LOAD_SECONDS = 240.0  # two images of some hundred megabytes each


class RefusedError(Exception):
    """kubectl ended with an error, whose text this is."""


class Cluster:
    """A running cluster, asked through kubectl.

    Args:
        manager: Of pytest-kubernetes, with a cluster behind it.
        name: What kind calls it.
    """

    def __init__(self, manager: Any, name: str) -> None:
        self._manager = manager
        self.name = name

    @property
    def kubeconfig(self) -> Path:
        """File for clients other than this one."""
        return Path(self._manager.kubeconfig)

    @property
    def node(self) -> str:
        """Container of the control plane, for ``docker exec`` and ``docker restart``."""
        return f"{self.name}-control-plane"

    def kubectl(self, *arguments: str, timeout: float = ASK_SECONDS) -> str:
        """Run kubectl and return what it prints.

        Raises:
            RefusedError: If it ends with an error.
        """
        quoted = [shlex.quote(argument) for argument in arguments]  # they pass a shell
        try:
            return str(self._manager.kubectl(quoted, as_dict=False, timeout=timeout))
        except RuntimeError as error:
            raise RefusedError(str(error).strip()) from None

    @cached_property
    def eyes(self) -> Eyes:
        """For what is looked at again and again."""
        return Eyes(self.kubeconfig)

    def close(self) -> None:
        """Close what it has opened."""
        if "eyes" in vars(self):
            self.eyes.close()

    def load_images(self, *images: str) -> None:
        """Copy images from the Docker engine into the node; use pull policy IfNotPresent."""
        call("kind", "load", "docker-image", *images, "--name", self.name, timeout=LOAD_SECONDS)

    @contextlib.contextmanager
    def new_namespace(self) -> Iterator[Namespace]:
        """Make a namespace that pods can be made in; it is deleted in the background."""
        name = f"test-{uuid.uuid4().hex[:8]}"
        self.kubectl("create", "namespace", name)
        try:
            # Before that, a pod is refused.
            account = ("serviceaccount/default", "--namespace", name)
            self.kubectl("wait", "--for=create", *account, "--timeout=30s")
            yield Namespace(self, name)
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


class Namespace:
    """A namespace of a cluster, asked through kubectl."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    def kubectl(self, *arguments: str, timeout: float = ASK_SECONDS) -> str:
        """Run kubectl in this namespace and return what it prints.

        Raises:
            RefusedError: If it ends with an error.
        """
        return self.cluster.kubectl("--namespace", self.name, *arguments, timeout=timeout)

    def apply(self, manifest: str, *options: str) -> str:
        """Run ``kubectl apply`` with a file that holds ``manifest``, and return what it prints."""
        file = self.cluster.kubeconfig.with_name(f"{uuid.uuid4().hex}.yaml")
        file.write_text(manifest, encoding="utf-8")
        try:
            return self.kubectl("apply", "--filename", str(file), *options)
        finally:
            file.unlink()

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return an object of a kind in ``looking.PATHS``; None where there is none.

        Raises:
            RefusedError: If the API server does not say.
        """
        try:
            return self.cluster.eyes.find(kind, self.name, name)
        except UnseenError as error:
            raise RefusedError(str(error)) from None

    def get(self, *what: str) -> dict[str, Any]:
        """Return an object, such as ``get("pipeline", "email")``, or a list of them.

        Raises:
            RefusedError: If there is none.
        """
        if len(what) == 2 and what[0] in PATHS and (seen := self.find(*what)) is not None:
            return seen
        found = json.loads(self.kubectl("get", *what, "--output", "json"))
        assert isinstance(found, dict)
        return found


@contextlib.contextmanager
def running_cluster(manager: Any, folder: Path, *, name: str) -> Iterator[Cluster]:
    """Run a cluster that knows Pipelines, and delete it afterwards.

    Args:
        manager: Of pytest-kubernetes' provider for kind, without a cluster yet.
        folder: For its kubeconfig.
        name: What kind calls it: ``PREFIX``, the id of this process, and more.
    """
    config = folder / "kind.yaml"
    config.write_text(yaml.safe_dump(kind_config(name)), encoding="utf-8")
    options = ClusterOptions(
        provider_config=config,
        kubeconfig_path=folder / "kubeconfig",
        cluster_timeout=int(START_SECONDS),
    )
    made = Cluster(manager, name)
    try:
        _create(manager, options)
        yield _with_pipelines(made)
    finally:
        made.close()
        manager.delete()


@contextlib.contextmanager
def borrowed_cluster(manager: Any, kubeconfig: Path, folder: Path) -> Iterator[Cluster]:
    """Use a cluster that somebody else made, for a quick turn while writing tests."""
    copy = folder / "kubeconfig"  # the provider deletes the file that it is given
    shutil.copyfile(kubeconfig, copy)
    manager.create(ClusterOptions(kubeconfig_path=copy))
    context = str(manager.kubectl(["config", "current-context"], as_dict=False)).strip()
    found = Cluster(manager, context.removeprefix("kind-"))
    try:
        yield _with_pipelines(found)
    finally:
        found.close()


def kind_config(name: str) -> dict[str, Any]:
    """Return kind's configuration of a cluster with one node."""
    image = os.environ.get("KIND_NODE_IMAGE")
    node = {"role": "control-plane"} | ({"image": image} if image else {})
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": name,
        "nodes": [node],
    }


def delete_abandoned_clusters() -> None:
    """Delete the clusters of test runs that were killed."""
    for name in call("kind", "get", "clusters", timeout=ASK_SECONDS).split():
        if name.startswith(PREFIX) and not _is_alive(name.removeprefix(PREFIX).partition("-")[0]):
            call("kind", "delete", "cluster", "--name", name, timeout=ASK_SECONDS)


def _create(manager: Any, options: ClusterOptions) -> None:
    """Make a cluster; a second time if need be, for on a busy machine kind may give up."""
    said = ""
    for _ in range(2):
        try:
            manager.create(options, timeout=60, options=["--wait", f"{READY_SECONDS:.0f}s"])
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            said += f"{error}: {(error.stderr or b'').decode(errors='replace')[-2000:]}\n"
            manager.delete()
        else:
            return
    raise RuntimeError(f"kind made no cluster, in two tries: {said}")


def _with_pipelines(cluster: Cluster) -> Cluster:
    cluster.kubectl("apply", "--filename", str(CRDS))
    wait_until(lambda: _is_established(cluster), ESTABLISHED_SECONDS, what="the definition")
    # Its schema is published a moment later.
    wait_until(lambda: _is_explained(cluster), EXPLAIN_SECONDS, what="kubectl explain pipeline")
    return cluster


def _is_established(cluster: Cluster) -> bool:
    # `kubectl wait` and jsonpath both fail while the definition has no condition at all yet.
    look = ("get", "customresourcedefinition/pipelines.flume.dev", "--output", "json")
    conditions = json.loads(cluster.kubectl(*look)).get("status", {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def _is_explained(cluster: Cluster) -> bool:
    try:
        return bool(cluster.kubectl("explain", "pipeline.spec"))
    except RefusedError:
        return False


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        pass
    return True
