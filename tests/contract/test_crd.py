"""What an API server is told of Pipelines is what the models say, and within what it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from flume.manifest import PipelineSpec, patterns
from flume.manifest.crd import crd, definition
from flume.manifest.describe import description, fixed
from flume.manifest.outline import Entry, outline, rules
from flume.manifest.schema import Schema, object_schema
from flume.manifest.status import PipelineStatus
from tests.support.promised_fields import PROMISED
from tools.tracked import ROOT

FILE = ROOT / "crds" / "pipelines.flume.dev.yaml"
LARGEST = 60_000  # bytes; `kubectl apply` keeps a second copy in an annotation of at most 262,144

# All that a structural schema here is made of: what else OpenAPI knows is refused, or ignored.
WORDS = set(
    """
    additionalProperties default description enum format items maxItems maxLength maxProperties
    maximum minItems minimum pattern properties required type x-kubernetes-int-or-string
    x-kubernetes-list-map-keys x-kubernetes-list-type x-kubernetes-preserve-unknown-fields
    x-kubernetes-validations
    """.split()
)

MINIMAL = {"queue": "email", "modules": ["app.jobs"]}


def version() -> dict[str, Any]:
    """Return the one version there is."""
    [found] = definition()["spec"]["versions"]
    return dict(found)


def below(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield a schema and all inside it, with ``[]`` for items and ``{}`` for a map's values."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from below(inner, f"{path}.{name}".removeprefix("."))
    for mark, word in (("[]", "items"), ("{}", "additionalProperties")):
        if word in schema:
            yield from below(schema[word], f"{path}{mark}")


def schemas() -> dict[str, Schema]:
    """Return the schema of each field, by its path."""
    return dict(below(version()["schema"]["openAPIV3Schema"]))


def spec() -> dict[str, Entry]:
    """Return what the models say of each field of the spec, by its path."""
    return {".".join(entry.path): entry for entry in outline() if entry.path[0] == "spec"}


def filled(schema: Schema, value: Any) -> Any:
    """Return a value with defaults, as an API server fills them in."""
    if isinstance(value, list):
        return [filled(schema.get("items", {}), item) for item in value]
    if not isinstance(value, dict):
        return value
    parts = schema.get("properties", {})
    defaults = {name: part["default"] for name, part in parts.items() if "default" in part}
    return {name: filled(parts.get(name, {}), item) for name, item in (defaults | value).items()}


def test_the_file_in_the_repository_is_the_one_the_models_make() -> None:
    """A cluster that knows other fields than the operator refuses what the manual shows."""
    assert FILE.read_text(encoding="utf-8") == crd(), "run make generate"
    assert yaml.safe_load(FILE.read_text(encoding="utf-8")) == definition()


def test_the_file_is_small_enough_to_apply_and_to_read() -> None:
    """Each API server keeps it in memory, and each `kubectl apply` sends it twice."""
    assert FILE.stat().st_size < LARGEST


def test_all_fields_are_those_of_the_models_and_all_promised_ones_are_there() -> None:
    """A field that only one side knows is refused or, worse, dropped without a word."""
    known = {path for path in schemas() if path.startswith("spec.")}
    fields = {path for path in known if not path.endswith(("[]", "{}"))}

    assert fields == spec().keys() - {"spec"}
    assert {f"spec.{name}" for name in PROMISED} <= fields


def test_each_field_is_explained_with_unit_default_and_when_it_acts() -> None:
    """`kubectl explain` shows the description, and neither range nor default."""
    found = schemas()
    for path, entry in spec().items():
        if path == "spec":
            continue
        said = found[path]["description"]
        assert said == description(entry)
        if "minimum" in found[path] and found[path].get("type") == "integer":
            assert f"{found[path]['minimum']:,} to {found[path]['maximum']:,}" in said, path
        if "default" in found[path] and not isinstance(found[path]["default"], dict):
            assert f"Default: {yaml_of(found[path]['default'])}." in said, path


def yaml_of(value: Any) -> str:
    """Return a scalar as a manifest has it, strings in quotes."""
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def test_every_field_of_the_status_is_explained() -> None:
    """`kubectl explain pipeline.status` is where one looks what a number means."""
    fields = {path: s for path, s in schemas().items() if path.startswith("status.")}
    silent = {path for path, s in fields.items() if not path.endswith("[]") and not about(s)}

    assert silent == set()


def about(schema: Schema) -> str:
    """Return the description of a field, if it is a sentence."""
    said = str(schema.get("description", ""))
    return said if re.fullmatch(r"[A-Z].+\.", said) else ""


def test_everything_is_bounded() -> None:
    """What has no bound fills etcd, and costs so much to check that rules on it are refused."""
    bounds = {
        "string": {"maxLength"},
        "integer": {"minimum", "maximum"},
        "array": {"maxItems", "items", "x-kubernetes-list-type"},
    }
    for path, schema in schemas().items():
        if not path.startswith(("spec", "status")):
            continue
        wanted = bounds.get(schema.get("type", ""), set())
        if "enum" in schema:
            wanted = set()
        if "additionalProperties" in schema:
            wanted = {"maxProperties"}
        if schema.get("x-kubernetes-int-or-string"):
            wanted = {"minimum", "maximum", "maxLength", "pattern"}
        assert wanted <= schema.keys(), path


def test_only_objects_of_kubernetes_may_hold_unknown_fields() -> None:
    """Elsewhere a typo must be refused; there, the pod's own check refuses it."""
    found = schemas()
    opened = {path for path in found if "x-kubernetes-preserve-unknown-fields" in found[path]}

    assert opened == {
        "spec.env[]",
        "spec.env[].valueFrom",
        "spec.envFrom[]",
        "spec.resources",
        "spec.volumeMounts[]",
        "spec.securityContext",
        "spec.containers[]",
        "spec.pod.volumes[]",
        "spec.pod.affinity",
        "spec.pod.tolerations[]",
        "spec.pod.topologySpreadConstraints[]",
        "spec.pod.securityContext",
    }


def test_the_schema_uses_no_word_that_an_api_server_refuses() -> None:
    """It takes a part of OpenAPI only: no references, no null, no unions."""
    found = schemas()
    metadata = {path for path in found if path.split(".")[0] == "metadata"}

    assert {word for schema in found.values() for word in schema} <= WORDS
    assert metadata == {"metadata", "metadata.name"}
    assert not {"nullable", "&id"} & set(re.findall(r"nullable|&id", crd()))
    for path, schema in found.items():
        assert "type" in schema or "x-kubernetes-int-or-string" in schema, path


def test_lists_of_named_things_are_merged_by_name() -> None:
    """Two field managers, each with an entry of its own, must not drop the other's."""
    found = schemas()
    keys = {
        path: schema["x-kubernetes-list-map-keys"]
        for path, schema in found.items()
        if schema.get("x-kubernetes-list-type") == "map"
    }

    assert keys == {
        "spec.env": ["name"],
        "spec.volumeMounts": ["mountPath"],
        "spec.containers": ["name"],
        "spec.pod.imagePullSecrets": ["name"],
        "spec.pod.volumes": ["name"],
        "status.pausedBy": ["source"],
        "status.conditions": ["type"],
    }
    for path, [key] in keys.items():
        assert key in found[f"{path}[]"]["required"], path


def test_the_rules_are_those_of_the_models_with_their_sentences() -> None:
    """A mistake is refused with the same sentence by `kubectl apply` and by `flume dev`."""
    expected = {(path, rule.cel, rule.sentence, rule.at) for path, rule in rules()}
    expected.add(("spec.queue", "self == oldSelf", fixed("queue"), ""))
    found = {
        (path.removesuffix("[]"), rule["rule"], rule["message"], rule.get("fieldPath", "")[1:])
        for path, schema in schemas().items()
        for rule in schema.get("x-kubernetes-validations", ())
    }

    assert found == expected
    assert len(expected) == len(list(rules())) + 1


def test_a_rule_reads_the_same_fields_in_cel_as_in_python() -> None:
    """One that reads another field judges something else under the same sentence."""
    for path, rule in rules():
        assert set(re.findall(r"self\.(\w+)", rule.cel)) == set(rule.reads), path


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"delivery": {"http": {"port": 8080}}, "containers": [{"name": "app"}], "modules": None},
        {"rateLimit": {"count": 1, "periodSeconds": 1}},
        {"retry": {"maxRetries": 0}, "deadLetter": {}, "redis": {"secretRef": {"name": "mine"}}},
        {"pod": {"labels": {"a": "b"}}, "updateStrategy": {"maxSurge": 1}, "disruptionBudget": {}},
    ],
)
def test_the_defaults_in_the_schema_are_those_of_the_models(change: dict[str, Any]) -> None:
    """Local mode and the cluster must run the same Pipeline."""
    given = {name: part for name, part in (MINIMAL | change).items() if part is not None}
    by_server = filled(schemas()["spec"], given)
    by_model = PipelineSpec.model_validate(given)

    assert PipelineSpec.model_validate(by_server) == by_model
    assert by_server == without_empty(by_model.model_dump(by_alias=True, exclude_none=True))


def without_empty(value: Any) -> Any:
    """Return a value without empty lists: left out is how a manifest says so."""
    if not isinstance(value, dict):
        return [without_empty(item) for item in value] if isinstance(value, tuple) else value
    return {name: without_empty(item) for name, item in value.items() if item != ()}


def test_the_default_of_an_object_is_whole() -> None:
    """A rule on an object sees its default before those of its fields are filled in."""
    for path, schema in schemas().items():
        if isinstance(schema.get("default"), dict):
            assert schema["default"] == filled(schema, schema["default"]), path


def test_the_columns_of_kubectl_get() -> None:
    """The first table that a person sees: which queue, is it paused, is it running."""
    found = version()["additionalPrinterColumns"]
    by_width = {
        wide: [column["name"] for column in found if column.get("priority", 0) == wide]
        for wide in (0, 1)
    }

    assert by_width == {
        0: ["Queue", "Paused", "Desired", "Ready", "Age"],
        1: ["Reason", "Rate", "Image"],
    }
    for column in found:
        assert is_known(column["jsonPath"]), column["name"]


def test_kubectl_scale_and_autoscalers_find_their_fields() -> None:
    """A path to a field that does not exist is accepted, and then read as nothing."""
    subresources = version()["subresources"]

    assert subresources["status"] == {}
    assert all(is_known(path) for path in subresources["scale"].values())
    assert schemas()["spec.replicas"]["default"] == 1  # without one, reading the scale fails


def is_known(path: str) -> bool:
    """Return whether a JSON path leads to a field of the schema or of all objects."""
    plain = re.sub(r"\[\?\(.+\)\]", "[]", path).removeprefix(".")
    return plain in schemas() or plain == "metadata.creationTimestamp"


def test_a_name_is_refused_with_the_same_bounds_as_in_local_mode() -> None:
    """It becomes the name of a Deployment and a label, where only this much fits."""
    assert schemas()["metadata.name"] == {
        "type": "string",
        "maxLength": 63,
        "pattern": patterns.LABEL,
    }


def test_a_status_has_all_that_is_promised() -> None:
    """Scripts and dashboards read these names."""
    fields = object_schema(PipelineStatus)["properties"]

    assert list(fields) == [
        "observedGeneration",
        "replicas",
        "readyReplicas",
        "desiredReplicas",
        "image",
        "selector",
        "paused",
        "pausedBy",
        "keyPrefix",
        "rate",
        "settings",
        "conditions",
    ]
    assert list(fields["settings"]["properties"]) == [
        "generation",
        "secretName",
        "secretKey",
        "keyPrefix",
        "workers",
        "acknowledgedWorkers",
    ]
    assert list(fields["conditions"]["items"]["required"]) == [
        "type",
        "status",
        "lastTransitionTime",
        "reason",
        "message",
    ]
