"""What the API server makes of the chart's objects, its rights above all."""

from __future__ import annotations

import pytest
import yaml

from tests.support.chart import Manifest, render
from tests.support.clusters import Namespace, RefusedError
from tools.tracked import ROOT

ELSEWHERE = {"CustomResourceDefinition", "PodMonitor", "PrometheusRule", "ServiceMonitor"}
"""The first is there already; of the others such a cluster knows nothing."""
RIGHTS = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount"}


def rendered(namespace: Namespace, values: Manifest, *, only: set[str] | None = None) -> str:
    """Return the objects of a release in this namespace as one file."""
    made = render(values, namespace=namespace.name)
    kept = [m for m in made if m["kind"] not in ELSEWHERE and (not only or m["kind"] in only)]
    return yaml.safe_dump_all(kept)


@pytest.mark.parametrize("is_full", [False, True], ids=["defaults", "everything"])
def test_the_api_server_takes_all_that_the_chart_makes(namespace: Namespace, is_full: bool) -> None:
    """A misspelt field is dropped silently without strict validation, and its effect with it."""
    everything: Manifest = {
        "namespaces": [namespace.name],
        "networkPolicy": {"enabled": True, "extraEgress": [{"ports": [{"port": 3128}]}]},
        "valkey": {"enabled": True, "password": "p"},
        "imagePullSecrets": [{"name": "registry"}],
        "podAnnotations": {"a": "b"},
    }

    namespace.apply(
        rendered(namespace, everything if is_full else {}), "--dry-run=server", "--validate=strict"
    )


@pytest.mark.parametrize(
    "path",
    ["minimal", "batch", "rate-limited", "autoscaling/hpa.yaml"],
)
def test_the_api_server_takes_the_examples(namespace: Namespace, path: str) -> None:
    """They are the first thing that somebody applies."""
    where = str(ROOT / "examples" / path)

    namespace.kubectl("apply", "--filename", where, "--dry-run=server", "--validate=strict")


def allowed(namespace: Namespace, verb: str, what: str, *where: str) -> bool:
    """Say whether the operator of the release in this namespace may do something."""
    account = f"system:serviceaccount:{namespace.name}:flume"
    asked = ("auth", "can-i", verb, what, "--as", account)
    ask = namespace.cluster.kubectl if where else namespace.kubectl
    try:
        return ask(*asked, *where).strip().startswith("yes")
    except RefusedError:  # kubectl says no with an exit code
        return False


def test_with_namespaces_the_operator_may_do_nothing_elsewhere(namespace: Namespace) -> None:
    """Who installs it for one team gives it nothing of the others."""
    namespace.apply(rendered(namespace, {"namespaces": [namespace.name]}, only=RIGHTS))

    assert allowed(namespace, "patch", "pipelines.flume.dev/email")
    assert allowed(namespace, "patch", "deployments.apps")
    assert allowed(namespace, "get", "secrets/flume-redis")
    assert allowed(namespace, "update", "leases.coordination.k8s.io/flume")
    assert not allowed(namespace, "get", "secrets/other")
    assert not allowed(namespace, "list", "secrets")
    assert not allowed(namespace, "delete", "deployments.apps")
    assert not allowed(namespace, "update", "leases.coordination.k8s.io/other")
    for what in ("pipelines.flume.dev", "deployments.apps", "configmaps"):
        assert not allowed(namespace, "list", what, "--namespace", "default")
        assert not allowed(namespace, "list", what, "--all-namespaces")
    assert not allowed(namespace, "get", "secrets/flume-redis", "--namespace", "default")
