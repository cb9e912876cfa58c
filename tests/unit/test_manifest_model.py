"""What a valid Pipeline means: defaults, live settings, what is left out and what is hidden."""

import ast
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from flume import keys
from flume.errors import NameRefusedError
from flume.manifest import Manifest, ManifestError, check, load
from flume.pipeline import PipelineSettings, RateLimit
from tests.support.manifests import FULL
from tests.unit.bad_specs import GOOD
from tools.tracked import ROOT


def pipeline(**spec: Any) -> dict[str, Any]:
    """Return a Pipeline as the API server hands it out."""
    return {
        "apiVersion": "flume.dev/v1alpha1",
        "kind": "Pipeline",
        "metadata": {"name": "email"},
        "spec": {"queue": "email", "modules": ["app.jobs"], **spec},
    }


def is_accepted(check: Callable[[], object]) -> bool:
    """Return whether a check lets something pass."""
    try:
        check()
    except (ManifestError, NameRefusedError):
        return False
    return True


def test_a_pipeline_that_says_nothing_gets_the_defaults_of_the_worker() -> None:
    """Two lists of defaults, one for the manifest and one for the worker, must not drift apart."""
    [manifest] = load(GOOD)

    assert manifest.settings() == PipelineSettings(queue="email")


def test_every_live_setting_reaches_the_worker_in_its_unit() -> None:
    """A setting that is accepted and then ignored is worse than one that is refused."""
    [manifest] = load(FULL)

    assert manifest.settings() == PipelineSettings(
        queue="email",
        max_demand=1000,
        concurrency=50,
        batch_size=10,
        batch_timeout_ms=500,
        bisect=False,
        rate_limit=RateLimit(count=1000, period_s=6, key="vendor"),
        max_retries=15,
        backoff_initial_s=30.0,
        backoff_max_s=3600.0,
        max_crashes=3,
        timeout_s=60.0,
        lease_s=10.0,
        dead_max_jobs=5,
        dead_max_age_s=86400.0,
        paused=True,
    )


def test_what_kubernetes_alone_understands_is_passed_on_as_it_was_written() -> None:
    """The operator copies these objects into pods; a field lost here is a setting lost there."""
    [manifest] = load(FULL)
    spec = manifest.spec.model_dump(by_alias=True, mode="json", exclude_none=True)

    assert spec["containers"][0]["ports"] == [{"containerPort": 5432}]
    assert spec["volumeMounts"][0] == {"name": "data", "mountPath": "/data", "readOnly": True}
    assert spec["env"][1]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.uid"}}
    assert spec["pod"]["volumes"] == [{"name": "data", "emptyDir": {}}]
    assert spec["resources"] == {
        "requests": {"cpu": "500m", "memory": "256Mi"},
        "limits": {"cpu": 2},
    }


def test_a_manifest_read_back_from_the_api_server_is_valid() -> None:
    """`kubectl get pipeline email -o yaml | flume dev -f -` is how a bug is taken home."""
    [manifest] = load(
        GOOD.replace(
            "{name: email}",
            "{name: email, uid: 1f, generation: 3, resourceVersion: '7', finalizers: [a],"
            " creationTimestamp: 2026-01-01T00:00:00Z, managedFields: [{manager: kubectl}]}",
        )
        + "status: {conditions: [{type: Ready}]}"
    )

    assert manifest.status is not None
    assert "status" not in manifest.model_dump()


def test_null_counts_as_left_out() -> None:
    """The API server drops nulls before it fills in defaults, so `retry:` alone is valid there."""
    spec = (
        "spec: {queue: email, modules: [app.jobs], retry: , concurrency: ~, pod: {labels: {a: }}}"
    )
    [manifest] = load(GOOD.replace("spec: {queue: email, modules: [app.jobs]}", spec))

    assert manifest.spec.retry.max_retries == 5
    assert manifest.spec.concurrency is None
    assert manifest.spec.pod.labels == {}


def test_whole_numbers_may_be_written_as_floats() -> None:
    """kubectl sends 1e2 and 100.0 as 100."""
    for number in ("100.0", "1e2"):
        [manifest] = load(GOOD.replace("queue: email", f"queue: email, maxDemand: {number}"))

        assert manifest.spec.max_demand == 100


def test_a_manifest_cannot_be_changed() -> None:
    """Workers compare what they run with; a value that moves under them cannot be compared."""
    [manifest] = load(GOOD)

    with pytest.raises(ValidationError):
        manifest.spec.max_demand = 5  # type: ignore[misc]


def test_an_object_of_the_api_server_is_checked_without_yaml() -> None:
    """The operator puts these sentences into a condition: no file, no line."""
    with pytest.raises(ManifestError) as refused:
        check(pipeline(maxDemand=0, queeu="e"))

    assert check(pipeline()).spec.queue == "email"
    assert str(refused.value).splitlines() == [
        "spec.maxDemand: Invalid value: 0: "
        "spec.maxDemand in body should be greater than or equal to 1",
        'unknown field "spec.queeu" (did you mean "queue"?)',
    ]


def test_values_of_the_environment_are_never_shown() -> None:
    """Manifests carry passwords in env, and what we print ends up in logs."""
    [manifest] = load(FULL)
    with pytest.raises(ManifestError) as refused:
        load(FULL.replace("value: hunter2", "value: [hunter2]").replace("name: POD", "nam: POD"))
    with pytest.raises(ValidationError) as raw:
        Manifest.model_validate({"spec": {"env": [{"name": "A", "value": ["hunter2"]}]}})

    assert "hunter2" not in repr(manifest)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in str(raw.value)
    assert "spec.env[0].value" in str(refused.value)


def test_a_password_in_a_url_is_not_repeated() -> None:
    """Whoever pastes the URL of Redis into the wrong field must not find it in a log."""
    redis = "redis: {keyPrefix: 'redis://:hunter2@db/0'}"
    with pytest.raises(ManifestError) as refused:
        load(GOOD.replace("queue: email", f"queue: email, {redis}"))

    assert "redis://…@db/0" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["a", "a" * 63, "a" * 64, "", "a.b_c-d", "-a", "a-", "A", "a{b}", "a:b", "a b", "a\n"]
)
def test_the_manifest_and_the_client_agree_on_what_can_name_a_queue(name: str) -> None:
    """A queue that a manifest may name but no client can reach would never get a job."""
    by_manifest = is_accepted(lambda: check(pipeline(queue=name)))

    assert by_manifest == is_accepted(lambda: keys.check_queue(name))


@pytest.mark.parametrize(
    "prefix", ["flume", "F", "flume:team-a", "a" * 100, "a" * 101, "", ":a", "a{b}", "a b", "a\n"]
)
def test_the_manifest_and_the_client_agree_on_what_can_be_a_key_prefix(prefix: str) -> None:
    """A prefix that only one of the two takes would part workers from clients."""
    by_manifest = is_accepted(lambda: check(pipeline(redis={"keyPrefix": prefix})))

    assert by_manifest == is_accepted(lambda: keys.check_prefix(prefix))


def test_only_the_manifest_imports_pydantic() -> None:
    """A worker that has its settings from Redis should not pay for a validator."""
    importing = set()
    for path in (ROOT / "worker" / "flume").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] in {"pydantic", "pydantic_core"} for name in names):
                importing.add(path.parent.name)

    assert importing == {"manifest"}
