"""A Pipeline in a cluster, seen through the commands that a person types."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from flume.manifest import load
from tests.support.clusters import RefusedError
from tests.support.manifests import FULL, changed
from tests.support.promised_fields import PROMISED
from tests.unit.bad_specs import GOOD
from tools.tracked import tracked_files

if TYPE_CHECKING:
    from tests.support.clusters import Cluster, Namespace

READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Running",
    "message": "All pods run.",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
STATUS = {
    "observedGeneration": 1,
    "replicas": 2,
    "readyReplicas": 1,
    "desiredReplicas": 3,
    "selector": "flume.dev/pipeline=email",
    "paused": False,
    "rate": "1000/6s",
    "conditions": [READY],
}


def report(namespace: Namespace, **status: Any) -> None:
    """Write a status, as the operator does."""
    patch = json.dumps({"status": STATUS | status})
    namespace.kubectl(
        *("patch", "pipeline", "email", "--subresource=status", "--type=merge"), "--patch", patch
    )


def columns(table: str) -> dict[str, str]:
    """Return heading → content of a table with one row and no empty cell."""
    heading, row = table.splitlines()
    return dict(zip(heading.split(), row.split(), strict=True))


def test_every_promised_field_is_explained(cluster: Cluster) -> None:
    """`kubectl explain` is the manual that is always there."""
    everything = cluster.kubectl("explain", "pipeline.spec", "--recursive")

    assert [name for name in PROMISED if f"  {name.rpartition('.')[2]}\t" not in everything] == []


def test_a_field_is_explained_with_bounds_default_and_when_it_acts(cluster: Cluster) -> None:
    """What kubectl knows of a schema is type and description; the rest must be said there."""
    said = " ".join(cluster.kubectl("explain", "pipeline.spec.rateLimit").split())

    assert "KIND: Pipeline" in said
    assert "count\t<integer> -required-" in cluster.kubectl("explain", "pipeline.spec.rateLimit")
    assert "1 to 2,592,000 seconds" in said
    assert "Default: none" in said
    assert "Applies live." in said


def test_the_table_shows_what_a_person_asks_first(namespace: Namespace) -> None:
    """Which queue, is it paused, and does it run: without opening the object."""
    namespace.apply(GOOD)
    report(namespace, image="example/app:1")

    shown = columns(namespace.kubectl("get", "fpl"))
    assert shown.pop("AGE").endswith("s")
    assert shown == {
        "NAME": "email",
        "QUEUE": "email",
        "PAUSED": "false",
        "DESIRED": "3",
        "READY": "1",
    }
    wide = columns(namespace.kubectl("get", "flume", "--output", "wide"))
    assert wide["REASON"] == "Running"
    assert wide["RATE"] == "1000/6s"
    assert wide["IMAGE"] == "example/app:1"


def test_scale_sets_the_replicas_and_an_apply_without_them_keeps_them(
    namespace: Namespace,
) -> None:
    """An autoscaler and `kubectl apply` from a repository share one object."""
    namespace.apply(GOOD)
    namespace.kubectl("scale", "pipeline", "email", "--replicas", "3")
    namespace.apply(changed(GOOD, "spec: {maxDemand: 50}"))

    spec = namespace.get("pipeline", "email")["spec"]
    assert (spec["replicas"], spec["maxDemand"]) == (3, 50)


def test_an_autoscaler_reads_pods_and_selector(namespace: Namespace) -> None:
    """Without a selector a HorizontalPodAutoscaler finds no pods, and stays at what it was."""
    namespace.apply(GOOD)
    report(namespace)
    path = f"/apis/flume.dev/v1alpha1/namespaces/{namespace.name}/pipelines/email/scale"
    scale = json.loads(namespace.kubectl("get", "--raw", path))

    assert scale["spec"] == {"replicas": 1}
    assert scale["status"] == {"replicas": 2, "selector": "flume.dev/pipeline=email"}


def test_wait_returns_once_the_condition_is_there(namespace: Namespace) -> None:
    """A deployment script goes on when its workers run."""
    namespace.apply(GOOD)
    report(namespace)
    said = namespace.kubectl("wait", "--for=condition=Ready", "fpl/email", "--timeout=20s")

    assert said == "pipeline.flume.dev/email condition met\n"


def test_wait_is_not_deceived_by_the_status_of_an_older_spec(namespace: Namespace) -> None:
    """Right after an edit, Ready still tells of what was before."""
    namespace.apply(GOOD)
    report(namespace)
    namespace.apply(changed(GOOD, "spec: {maxDemand: 50}"))  # generation 2, 1 was observed

    with pytest.raises(RefusedError, match="timed out"):
        namespace.kubectl("wait", "--for=condition=Ready", "fpl/email", "--timeout=1s")


def test_pausing_is_one_patch(namespace: Namespace) -> None:
    """The sentence of the manual, character for character."""
    namespace.apply(GOOD)
    pause = '{"spec":{"paused":true}}'
    namespace.kubectl("patch", "pipeline", "email", "--type", "merge", "-p", pause)

    assert namespace.get("pipeline", "email")["spec"]["paused"] is True


def test_the_queue_cannot_be_changed(namespace: Namespace) -> None:
    """Its jobs would wait in the old queue, where nobody looks for them."""
    namespace.apply(GOOD)

    with pytest.raises(RefusedError, match="queue cannot be changed later: make another Pipeline"):
        namespace.apply(changed(GOOD, "spec: {queue: other}"))


@pytest.mark.parametrize("manifest", [GOOD, FULL], ids=["minimal", "every field"])
def test_the_server_keeps_what_was_written_and_adds_the_defaults_of_the_models(
    namespace: Namespace, manifest: str
) -> None:
    """A field that the schema drops, or fills in otherwise than local mode, is found here."""
    namespace.apply(changed(manifest, "metadata: {namespace: null}"))
    kept = namespace.get("pipeline", "email")
    [read] = load(yaml.safe_dump(kept))
    [written] = load(manifest)
    whole = written.spec.model_dump(mode="json", by_alias=True)

    assert read.spec == written.spec
    assert without_empty(kept["spec"]) == without_empty(whole)


def without_empty(value: Any) -> Any:
    """Return a value without nulls and empty lists: left out is how a manifest says so."""
    if isinstance(value, list):
        return [without_empty(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: without_empty(item) for key, item in value.items() if item not in (None, [])}


def test_every_pipeline_in_the_repository_is_accepted(shared_namespace: Namespace) -> None:
    """What a new user applies first must not be refused."""
    files = [
        path
        for path in tracked_files(".yaml", below="examples")
        if "\nkind: Pipeline\n" in path.read_text(encoding="utf-8")
    ]

    assert len(files) >= 3
    for path in files:
        shared_namespace.kubectl("apply", "--dry-run=server", "--filename", str(path))
