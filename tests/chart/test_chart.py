"""What the chart installs: what is asked for, with as few rights as it takes, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from flume.manifest.crd import definition
from flume_operator.gauges import LABELS
from tests.support.chart import (
    NAMESPACE,
    Manifest,
    helm,
    of_kind,
    pods,
    refusal,
    render,
)
from tests.support.tables import names, rows
from tools.chart import CHART

EVERYTHING: Manifest = {
    "namespaces": ["shop", "mail"],
    "commonLabels": {"team": "a"},
    "imagePullSecrets": [{"name": "registry"}],
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "networkPolicy": {"enabled": True, "extraEgress": [{"ports": [{"port": 3128}]}]},
    "metrics": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "rules": {"enabled": True, "labels": {"release": "prometheus"}},
    },
    "valkey": {"enabled": True, "namespaces": ["shop"], "password": "p"},
}
VALUES = [
    pytest.param({}, id="defaults"),
    pytest.param(EVERYTHING, id="everything"),
    pytest.param({"replicas": 1, "rbac": {"create": False}, "crds": {"install": False}}, id="less"),
]
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}


@pytest.mark.parametrize("values", VALUES)
def test_helm_finds_nothing_to_mend(values: Manifest) -> None:
    """What lint finds, each install would show to its user."""
    ended = helm("lint", "--strict", CHART, values=values)

    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("values", VALUES)
def test_every_object_has_labels_and_says_its_namespace(values: Manifest) -> None:
    """`helm template | kubectl apply` must not put half of it into another namespace."""
    for made in render(values):
        assert made["metadata"]["labels"]["app.kubernetes.io/part-of"] == "flume"
        assert ("namespace" in made["metadata"]) == (made["kind"] not in CLUSTER_WIDE)


def test_rendering_twice_makes_the_same() -> None:
    """GitOps would find a difference at each look, and roll the operator for ever."""
    assert render(EVERYTHING) == render(EVERYTHING)


def test_no_option_is_on_that_needs_something_else_in_the_cluster() -> None:
    """`helm install` works on an empty cluster."""
    kinds = {made["kind"] for made in render()}

    assert kinds.isdisjoint({"NetworkPolicy", "PodMonitor", "PrometheusRule", "ServiceMonitor"})
    assert len(of_kind(render(), "Deployment")) == 1


# ---- the definition ----


def test_the_definition_is_the_one_in_crds_with_a_policy_that_keeps_it() -> None:
    """Deleting it deletes every Pipeline and worker of the cluster in a third of a second."""
    [made] = of_kind(render(), "CustomResourceDefinition")

    assert made["spec"] == definition()["spec"]
    assert made["metadata"]["name"] == definition()["metadata"]["name"]
    assert made["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_the_definition_can_be_left_out_or_let_go() -> None:
    """Of several releases one has it; a cluster for tests wants it gone."""
    [let_go] = of_kind(render({"crds": {"keep": False}}), "CustomResourceDefinition")

    assert of_kind(render({"crds": {"install": False}}), "CustomResourceDefinition") == []
    assert "helm.sh/resource-policy" not in let_go["metadata"]["annotations"]


# ---- values ----


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"replica": 2}, "replica"),
        ({"metrics": {"serviceMonitors": {}}}, "/metrics"),
        ({"replicas": "2"}, "/replicas"),
        ({"replicas": -1}, "/replicas"),
        ({"log": {"level": "loud"}}, "/log/level"),
        ({"namespaces": "shop"}, "/namespaces"),
        ({"namespaces": ["shop", "shop"]}, "/namespaces"),
        ({"keyPrefix": "a b"}, "/keyPrefix"),
        ({"networkPolicy": {"redisPorts": [0]}}, "/networkPolicy/redisPorts"),
        ({"commonLabels": {"team": 1}}, "/commonLabels/team"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(values: Manifest, path: str) -> None:
    """A value that is mistyped and ignored is found on the day that it is needed."""
    assert path.strip("/") in refusal(values).replace(".", "/")


def test_a_release_has_names_of_its_own() -> None:
    """Two releases in one cluster must not fight over one object."""
    for name, made in (("flume", "flume"), ("blue", "blue-flume"), ("my-flume", "my-flume")):
        [found] = of_kind(render(release=name), "Deployment")
        assert found["metadata"]["name"] == made
    [cluster_role] = of_kind(render(), "ClusterRoleBinding")
    assert cluster_role["metadata"]["name"] == f"{NAMESPACE}:flume"


def test_a_digest_counts_before_a_tag_and_the_version_where_there_is_neither() -> None:
    """An image that is pinned by digest is pinned for a reason."""
    images = [
        image_of(values)
        for values in ({}, {"image": {"tag": "2"}}, {"image": {"tag": "2", "digest": "sha256:0"}})
    ]

    version = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))["appVersion"]
    repository = "ghcr.io/flume-dev/flume-operator"
    assert images == [f"{repository}:{version}", f"{repository}:2", f"{repository}@sha256:0"]


def image_of(values: Manifest) -> str:
    """Return the operator's image."""
    [made] = of_kind(render(values), "Deployment")
    return str(made["spec"]["template"]["spec"]["containers"][0]["image"])


# ---- pods ----


@pytest.mark.parametrize("values", VALUES)
def test_every_pod_is_one_that_restricted_namespaces_admit(values: Manifest) -> None:
    """Many clusters enforce this for all namespaces."""
    for pod in pods(render(values)):
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["spec"]["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"requests", "limits"} <= container["resources"].keys()


@pytest.mark.parametrize("values", VALUES)
def test_every_selector_finds_the_pods_it_means_and_no_others(values: Manifest) -> None:
    """A Service that selects Valkey and the operator answers at random."""
    made = render(values)
    templates = {d["metadata"]["name"]: d["spec"]["template"] for d in of_kind(made, "Deployment")}
    for deployment in of_kind(made, "Deployment"):
        found = selected(deployment["spec"]["selector"]["matchLabels"], templates)
        assert found == [deployment["metadata"]["name"]]
    for service in of_kind(made, "Service"):
        assert selected(service["spec"]["selector"], templates) == [service["metadata"]["name"]]
        pod = templates[service["metadata"]["name"]]["spec"]
        ports = {port["name"] for container in pod["containers"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for budget in of_kind(made, "PodDisruptionBudget"):
        assert selected(budget["spec"]["selector"]["matchLabels"], templates) == ["flume"]


def selected(labels: dict[str, str], templates: dict[str, Manifest]) -> list[str]:
    """Return the names of the pod templates that have all these labels."""
    return [n for n, t in templates.items() if labels.items() <= t["metadata"]["labels"].items()]


def test_two_operators_stand_by_for_each_other_and_one_may_be_evicted() -> None:
    """A node that is drained takes the leader along, and pauses must go on to bind."""
    made, alone = render(), render({"replicas": 1})

    assert of_kind(made, "Deployment")[0]["spec"]["replicas"] == 2
    assert of_kind(made, "PodDisruptionBudget")[0]["spec"]["maxUnavailable"] == 1
    assert of_kind(alone, "PodDisruptionBudget") == []  # it would block the drain for ever


# ---- valkey ----


def test_the_secret_of_valkey_is_where_pipelines_look_for_it() -> None:
    """Trying out takes one install and one Pipeline, also in another namespace."""
    made = render({"valkey": {"enabled": True, "namespaces": ["shop"], "password": "a b/c@"}})
    urls = {
        found["metadata"]["namespace"]: found["stringData"]["url"]
        for found in of_kind(made, "Secret")
        if found["metadata"]["name"] == "flume-redis"
    }

    url = f"redis://:a%20b%2Fc%40@flume-valkey.{NAMESPACE}.svc:6379/0"
    assert urls == {NAMESPACE: url, "shop": url}


def test_a_secret_that_the_operator_may_not_read_is_refused_at_the_install() -> None:
    """Every Pipeline would wait, with a condition, for what one word mends."""
    said = refusal({"valkey": {"enabled": True, "secretName": "other"}})

    assert "add it to redisSecrets" in said


def test_the_password_of_valkey_is_in_no_command_and_no_environment() -> None:
    """Whoever may list pods would read it."""
    values: dict[str, Any] = {"valkey": {"enabled": True, "password": "hush-hush"}}

    assert "hush-hush" not in yaml.safe_dump(pods(render(values)))


# ---- monitoring ----

TARGET_LABELS = {"container", "endpoint", "instance", "job", "namespace", "pod", "service"}
"""What the Prometheus operator says of each target; Prometheus renames a sample's own otherwise."""


@pytest.mark.parametrize(
    ("monitor", "endpoints", "tables"),
    [
        ("ServiceMonitor", "endpoints", ("Of each queue", "Of each operator")),
        ("PodMonitor", "podMetricsEndpoints", ("Of each worker",)),
    ],
)
def test_prometheus_renames_none_of_our_labels(
    monitor: str, endpoints: str, tables: tuple[str, ...]
) -> None:
    """`namespace` would be the operator's, and every alert and autoscaler would go by that."""
    told = {
        label
        for table in tables
        for row in rows("metrics", "name", below=table)
        for label in names(row["labels"])
    }
    carried = told | (set(LABELS) if monitor == "ServiceMonitor" else set())
    [made] = of_kind(render(EVERYTHING), monitor)
    [endpoint] = made["spec"][endpoints]

    assert carried > {"pipeline", "queue"}
    assert endpoint.get("honorLabels", False) == bool(carried & TARGET_LABELS)
