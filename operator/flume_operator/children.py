"""What a Pipeline becomes in the cluster: ConfigMap, PodDisruptionBudget, Deployment.  Pure.

The bodies hold exactly the fields that are meant, for server-side apply owns what it is sent.
The pods are left to ``pod``; replicas are left to whoever applies, for an autoscaler may own them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from flume.manifest import Manifest
from flume_operator.objects import API_VERSION, GROUP, KIND, MANAGED_BY, PIPELINE_LABEL
from flume_operator.pod import MANIFEST_FILE, pod_template

FOR_WORKERS = (
    "queue",
    "modules",
    "delivery",
    "paused",
    "maxDemand",
    "concurrency",
    "batchSize",
    "batchTimeoutMilliseconds",
    "bisect",
    "rateLimit",
    "retry",
    "maxCrashes",
    "timeoutSeconds",
    "leaseSeconds",
    "deadLetter",
)
"""What a worker reads of a spec.  The rest is the pods' shape, and ``env`` may hold passwords."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The Pipeline that children belong to, and are deleted with."""

    name: str
    namespace: str
    uid: str


def children(
    manifest: Manifest, owner: Owner, *, worker_image: str, prefix: str
) -> list[dict[str, Any]]:
    """Return everything that a Pipeline needs, in the order in which it is to be applied.

    Args:
        manifest: The Pipeline.
        owner: Who and where it is.
        worker_image: Image where it names none.
        prefix: Start of its keys in Redis.
    """
    return [
        config_map(manifest, owner),  # first: pods wait for it
        disruption_budget(manifest, owner),
        deployment(manifest, owner, worker_image=worker_image, prefix=prefix),
    ]


def config_map(manifest: Manifest, owner: Owner) -> dict[str, Any]:
    """Return the manifest that workers start with; their pods follow its changes."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(owner),
        "data": {MANIFEST_FILE: _for_workers(manifest, owner)},
    }


def disruption_budget(manifest: Manifest, owner: Owner) -> dict[str, Any]:
    """Return how many workers an eviction may take at once."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(owner),
        "spec": {
            "maxUnavailable": manifest.spec.disruption_budget.max_unavailable,
            "selector": {"matchLabels": selector(owner.name)},
            # A pod that is not ready claims nothing: keeping it would only hold up a node's drain.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def deployment(
    manifest: Manifest, owner: Owner, *, worker_image: str, prefix: str
) -> dict[str, Any]:
    """Return the workers, without saying how many."""
    strategy = manifest.spec.update_strategy
    template = pod_template(manifest, uid=owner.uid, worker_image=worker_image, prefix=prefix)
    template["metadata"]["labels"] |= selector(owner.name)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(owner),
        "spec": {
            "selector": {"matchLabels": selector(owner.name)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {
                    "maxSurge": strategy.max_surge,
                    "maxUnavailable": strategy.max_unavailable,
                },
            },
            "template": template,
        },
    }


def selector(name: str) -> dict[str, str]:
    """Return the labels by which a Pipeline's pods are known.  A Deployment's cannot change."""
    return {PIPELINE_LABEL: name}


def is_foreign(body: Mapping[str, Any], name: str) -> bool:
    """Return whether an object that has a child's name is someone else's.

    It is to be left alone: server-side apply would make it ours without asking.
    """
    metadata = body["metadata"]
    owners = metadata.get("ownerReferences") or ()
    is_labelled = (metadata.get("labels") or {}).get(PIPELINE_LABEL) == name
    is_owned = any(
        (each.get("kind"), each.get("name")) == (KIND, name)
        and each.get("apiVersion", "").startswith(f"{GROUP}/")
        for each in owners
    )
    return not (is_labelled or is_owned)


def _metadata(owner: Owner) -> dict[str, Any]:
    """Return a child's metadata.

    Labels and annotations of the Pipeline are not copied: a GitOps tool that finds its mark on a
    child would delete it, for no file of its own holds it.
    """
    return {
        "name": owner.name,
        "namespace": owner.namespace,
        "labels": dict([("app.kubernetes.io/name", "flume-worker"), MANAGED_BY])
        | selector(owner.name),
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": owner.name,
                "uid": owner.uid,
                "controller": True,
                # No blockOwnerDeletion: it would need a right of its own, and gains nothing.
            }
        ],
    }


def _for_workers(manifest: Manifest, owner: Owner) -> str:
    """Return the part of the manifest that workers read.

    What has its default is left out, so that a worker image that is older than the operator can
    read it: it refuses fields that it does not know.
    """
    # Unset fields of the parts that were given have their defaults, too.
    spec = manifest.spec.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude_defaults=True
    )
    kept = {name: spec[name] for name in FOR_WORKERS if name in spec}
    if manifest.spec.delivery is not None:  # which is not valid without a container
        kept["containers"] = [{"name": each.name} for each in manifest.spec.containers]
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": owner.name, "namespace": owner.namespace},
        "spec": kept,
    }
    return yaml.safe_dump(document, sort_keys=False)
