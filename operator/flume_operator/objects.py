"""What the operator keeps of objects in the cluster: Pipelines whole, children in short."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

GROUP = "flume.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "Pipeline"
PLURAL = "pipelines"
MANAGED_BY = ("app.kubernetes.io/managed-by", "flume")
"""Label of all that the operator makes."""
PIPELINE_LABEL = f"{GROUP}/pipeline"
"""On all children, with the Pipeline's name; alone it selects the pods."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Namespace and name of a Pipeline."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A Pipeline as the API server last told it."""

    key: Key
    uid: str
    generation: int
    created_ms: int
    resource_version: str
    deleted_ms: int | None
    """When its deletion was asked for; None: it was not."""
    finalizers: tuple[str, ...]
    body: Mapping[str, Any]
    """All of it but managedFields."""

    @property
    def status(self) -> Mapping[str, Any]:
        """What is reported of it now."""
        found = self.body.get("status")
        return found if isinstance(found, Mapping) else {}

    @property
    def spec(self) -> Mapping[str, Any]:
        """What it asks for, not validated."""
        found = self.body.get("spec")
        return found if isinstance(found, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Child:
    """An object that the operator made for a Pipeline."""

    kind: str
    name: str
    owner: Key
    digest: str
    """Of what the operator may have written; equal where nobody has touched it."""
    body: Mapping[str, Any]
    """What the status is made of: generation, spec.replicas and status of a Deployment."""


def read_pipeline(body: Mapping[str, Any]) -> Pipeline:
    """Return a Pipeline from what the API server sent."""
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    deleted = metadata.get("deletionTimestamp")
    return Pipeline(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        created_ms=_ms(metadata["creationTimestamp"]),
        resource_version=metadata.get("resourceVersion", ""),
        deleted_ms=_ms(deleted) if deleted else None,
        finalizers=tuple(metadata.get("finalizers", ())),
        # Items of a list come without the first two.
        body={
            "apiVersion": API_VERSION,
            "kind": KIND,
            **body,
            "metadata": metadata,
        },
    )


def read_child(kind: str, body: Mapping[str, Any]) -> Child | None:
    """Return a child from what the API server sent; None where it is none of ours."""
    metadata = body["metadata"]
    owner = (metadata.get("labels") or {}).get(PIPELINE_LABEL)
    if not owner:
        return None
    short = {
        "uid": metadata["uid"],
        "generation": metadata.get("generation", 0),
        "resourceVersion": metadata.get("resourceVersion", ""),
        "replicas": (body.get("spec") or {}).get("replicas"),
        "status": body.get("status") or {},
    }
    key = Key(metadata["namespace"], owner)
    return Child(kind, metadata["name"], key, digest(_written(body)), short)


def digest(value: Any) -> str:
    """Return a short text that is equal for equal values."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _written(body: Mapping[str, Any]) -> list[Any]:
    """Return the parts of an object that people and programs write, replicas apart."""
    metadata = body["metadata"]
    spec = {key: value for key, value in (body.get("spec") or {}).items() if key != "replicas"}
    return [
        metadata["uid"],
        metadata.get("labels"),
        metadata.get("ownerReferences"),
        spec,
        body.get("data"),
    ]


def _ms(timestamp: str) -> int:
    return int(datetime.fromisoformat(timestamp).timestamp() * 1000)
