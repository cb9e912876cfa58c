"""The CustomResourceDefinition that makes an API server know Pipelines."""

from __future__ import annotations

from typing import Any

import yaml

from flume.manifest.model import Model
from flume.manifest.outline import own_fields
from flume.manifest.resource import API_VERSION, KIND, Metadata
from flume.manifest.schema import Schema, object_schema, value_schema
from flume.manifest.spec import PipelineSpec
from flume.manifest.status import PipelineStatus

_GROUP, _VERSION = API_VERSION.split("/")
_PLURAL = "pipelines"

_HEADER = "# Made by `make generate` from the models in worker/flume/manifest; edit those.\n"

# Name, type, where it is read, and what it says.  kubectl shows the second group with `-o wide`.
_COLUMNS = (
    ("Queue", "string", ".spec.queue", "Queue whose jobs are run."),
    ("Paused", "boolean", ".status.paused", "Whether claiming is stopped, by whatever source."),
    ("Desired", "integer", ".status.desiredReplicas", "Pods that there should be."),
    ("Ready", "integer", ".status.readyReplicas", "Pods that are ready."),
    ("Age", "date", ".metadata.creationTimestamp", "Time since the Pipeline was made."),
)
_WIDE_COLUMNS = (
    (
        "Reason",
        "string",
        '.status.conditions[?(@.type=="Ready")].reason',
        "Why Ready is what it is.",
    ),
    ("Rate", "string", ".status.rate", "Rate limit in force."),
    ("Image", "string", ".status.image", "Image of the workers."),
)


def crd() -> str:
    """Return the text of crds/pipelines.flume.dev.yaml."""
    return _HEADER + yaml.dump(
        definition(), Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True
    )


def definition() -> dict[str, Any]:
    """Return the definition itself, for whatever else is made from it."""
    names = {
        "kind": KIND,
        "listKind": f"{KIND}List",
        "plural": _PLURAL,
        "singular": KIND.lower(),
        "shortNames": ["fpl"],
        "categories": ["flume"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{_PLURAL}.{_GROUP}"},
        "spec": {"group": _GROUP, "names": names, "scope": "Namespaced", "versions": [_version()]},
    }


def _version() -> dict[str, Any]:
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    return {
        "name": _VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}, "scale": scale},
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path, "description": about} | wide
            for columns, wide in ((_COLUMNS, {}), (_WIDE_COLUMNS, {"priority": 1}))
            for name, kind, path, about in columns
        ],
        "schema": {"openAPIV3Schema": _schema()},
    }


def _schema() -> Schema:
    models: dict[str, type[Model]] = {"spec": PipelineSpec, "status": PipelineStatus}
    parts = {
        name: {"description": model.__doc__, **object_schema(model)}
        for name, model in models.items()
    }
    return {
        "description": "A queue, the handlers that run its jobs, how fast, and in which pods.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"description": f"Always {API_VERSION}.", "type": "string"},
            "kind": {"description": f"Always {KIND}.", "type": "string"},
            "metadata": {"type": "object", "properties": {"name": _name()}},
            **parts,
        },
    }


def _name() -> Schema:
    """Return the schema of the name: all else in metadata is the API server's own."""
    name = next(entry for entry in own_fields(Metadata) if entry.path == ("name",))
    return value_schema(name.kind, name.metadata)


class _Dumper(yaml.SafeDumper):
    """Writes equal parts in full: anchors and aliases are hard to read in a difference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
