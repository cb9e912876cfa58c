"""What the Deployment tells the operator is what the operator listens to."""

from __future__ import annotations

import pytest

from flume_operator.cli import command
from tests.support.chart import NAMESPACE, Manifest, of_kind, render

NOT_IN_CHART = {"FLUME_OPERATOR_CONCURRENCY", "FLUME_OPERATOR_RESYNC_S", "FLUME_OPERATOR_LOOK_S"}
"""Set with extraEnv where somebody needs them."""
OF_THE_POD = {"metadata.name": "flume-7d9c-x2x", "metadata.namespace": NAMESPACE}


def environment(values: Manifest | None = None) -> dict[str, str]:
    """Return the variables of the operator's container, as its pod would have them."""
    [made] = of_kind(render(values), "Deployment")
    [container] = made["spec"]["template"]["spec"]["containers"]
    found = {}
    for item in container["env"]:
        source = item.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        found[item["name"]] = OF_THE_POD[source] if source else item["value"]
    return found


def listened() -> set[str]:
    """Return the variables that the operator reads."""
    return {f"FLUME_OPERATOR_{it.name.upper()}" for it in command.params if it.name}


def test_every_variable_of_the_deployment_is_an_option_of_the_operator() -> None:
    """One that is mistyped would be ignored without a word."""
    assert environment().keys() == listened() - NOT_IN_CHART


def test_the_operator_takes_what_the_chart_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that it refuses is a crash loop at the install."""
    values = {"namespaces": ["shop", "mail"], "log": {"level": "debug", "format": "text"}}
    for name, value in environment(values).items():
        monkeypatch.setenv(name, value)

    given = command.make_context("flume-operator", []).params

    assert given["namespaces"] == ("mail", "shop")
    assert (given["lease_name"], given["lease_namespace"]) == ("flume", NAMESPACE)
    assert given["identity"] == OF_THE_POD["metadata.name"]
    assert given["worker_image"].startswith("ghcr.io/flume-dev/flume-worker:")
    assert (given["health_port"], given["log_level"]) == (8080, "debug")


def test_without_namespaces_it_looks_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable must not become a namespace without a name."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)

    assert command.make_context("flume-operator", []).params["namespaces"] == ()
