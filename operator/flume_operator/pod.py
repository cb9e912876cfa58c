"""The pods of a Pipeline: the worker's container, what it mounts, and how both are secured.  Pure.

Admitted in namespaces that enforce the restricted standard, and free of shells: probes and hooks
are HTTP.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from flume.health import TOKEN_HEADER
from flume.manifest import Manifest, PipelineSpec
from flume_operator.objects import MANAGED_BY, PIPELINE_LABEL

CONTAINER = "worker"
HEALTH_PORT = 8090
"""Of probes, the drain page and metrics, in each worker pod."""
HEALTH_PORT_NAME = "metrics"
MANIFEST_FILE = "pipeline.yaml"
MANIFEST_FOLDER = "/etc/flume"
REDIS_FOLDER = "/var/run/secrets/flume"
REDIS_FILE = "url"

USER_ID = 65532
"""Of the worker image; the number that images without a shell commonly use."""
READ_BY_GROUP = 0o440
"""Mode of files with a password: the pod's group reads them, whatever user a container has."""
TEMPORARY = "64Mi"
"""Of /tmp, the one place that can be written to.  A pod that fills it is evicted."""
ENDING_S = 10
"""Seconds of the grace that are not the jobs': for outcomes, the heartbeat, leaving Redis."""
START_S = 300
"""Seconds to import the app's modules: those that learn or calculate take minutes when cold."""


def pod_template(manifest: Manifest, *, uid: str, worker_image: str, prefix: str) -> dict[str, Any]:
    """Return the pods of a Pipeline, without the labels that select them.

    Args:
        manifest: The Pipeline.
        uid: Of the Pipeline.
        worker_image: Image where it names none.
        prefix: Start of its keys in Redis.
    """
    spec, pod = manifest.spec, manifest.spec.pod
    labels = dict([MANAGED_BY, ("app.kubernetes.io/name", "flume-worker")])
    annotations = {"kubectl.kubernetes.io/default-container": CONTAINER}
    return {
        "metadata": {
            "labels": labels | (pod.labels or {}),
            "annotations": annotations | (pod.annotations or {}),
        },
        "spec": {
            **_containers(spec, _worker(manifest, uid, worker_image, prefix)),
            **_given(
                affinity=pod.affinity,
                imagePullSecrets=pod.image_pull_secrets,
                nodeSelector=pod.node_selector,
                priorityClassName=pod.priority_class_name,
                runtimeClassName=pod.runtime_class_name,
                serviceAccountName=pod.service_account_name,
                tolerations=pod.tolerations,
            ),
            "automountServiceAccountToken": False,
            # Variables of Services would be taken for ours: one called flume-health makes
            # FLUME_HEALTH_PORT=tcp://….
            "enableServiceLinks": False,
            "securityContext": _merged(_POD_SECURITY, pod.security_context),
            "terminationGracePeriodSeconds": pod.termination_grace_period_seconds,
            "topologySpreadConstraints": _given(own=pod.topology_spread_constraints).get("own")
            or [_spread(manifest.metadata.name)],
            "volumes": [*_volumes(manifest), *_plain(pod.volumes)],
        },
    }


def drain_token(uid: str) -> str:
    """Return what ``/drain`` asks for: any pod can reach that port, so it is no name or number.

    It depends on the Pipeline alone, because a new one would restart all pods.
    """
    return hashlib.sha256(f"flume drain {uid}".encode()).hexdigest()[:32]


_POD_SECURITY: dict[str, Any] = {
    "fsGroup": USER_ID,  # without it, files of READ_BY_GROUP could not be read
    "runAsGroup": USER_ID,
    "runAsNonRoot": True,
    "runAsUser": USER_ID,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_CONTAINER_SECURITY: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def _containers(spec: PipelineSpec, worker: dict[str, Any]) -> dict[str, Any]:
    """Return all containers.

    Beside an app that jobs are sent to, the worker starts first and stops last: it is a sidecar,
    and the first in its list because these stop in reverse order.
    """
    others = _plain(spec.containers)
    if spec.delivery is None:
        return {"containers": [worker, *others]}
    return {"initContainers": [worker | {"restartPolicy": "Always"}], "containers": others}


def _worker(manifest: Manifest, uid: str, image: str, prefix: str) -> dict[str, Any]:
    spec, token = manifest.spec, drain_token(uid)
    given = _given(
        command=spec.command,
        envFrom=spec.env_from,
        imagePullPolicy=spec.image_pull_policy,
        resources=spec.resources,
    )
    return {
        "name": CONTAINER,
        "image": spec.image or image,
        "args": list(spec.args) or ["worker"],
        **given,
        "env": _environment(manifest, prefix, token),
        "ports": [{"name": HEALTH_PORT_NAME, "containerPort": HEALTH_PORT, "protocol": "TCP"}],
        "startupProbe": _probe("/startupz", periodSeconds=1, failureThreshold=START_S),
        "readinessProbe": _probe("/readyz", periodSeconds=5),
        # Only a loop that never turns again fails it; its own preStop would then use all the grace.
        "livenessProbe": _probe(
            "/healthz",
            periodSeconds=10,
            timeoutSeconds=3,
            failureThreshold=3,
            terminationGracePeriodSeconds=5,
        ),
        "lifecycle": {
            "preStop": {
                "httpGet": {
                    "path": "/drain",
                    "port": HEALTH_PORT,
                    "httpHeaders": [{"name": TOKEN_HEADER, "value": token}],
                }
            }
        },
        "securityContext": _merged(_CONTAINER_SECURITY, spec.security_context),
        "volumeMounts": _mounts(spec),
    }


def _environment(manifest: Manifest, prefix: str, token: str) -> list[dict[str, Any]]:
    """Return the worker's variables: ours in order of name, then the Pipeline's in their own.

    A list in another order would be a new pod.  The Pipeline's win, and may refer to ours; those
    that probes and hook go by it cannot have, by the manifest's rules.
    """
    spec = manifest.spec
    ours: dict[str, Any] = {
        "FLUME_DRAIN_TOKEN": token,
        "FLUME_GRACE": str(max(1, spec.pod.termination_grace_period_seconds - ENDING_S)),
        "FLUME_HEALTH_PORT": str(HEALTH_PORT),
        "FLUME_KEY_PREFIX": prefix,
        "FLUME_MANIFEST": f"{MANIFEST_FOLDER}/{MANIFEST_FILE}",
        "FLUME_PIPELINE": manifest.metadata.name,
        "FLUME_POD_NAME": {"fieldRef": {"fieldPath": "metadata.name"}},
        "FLUME_POD_UID": {"fieldRef": {"fieldPath": "metadata.uid"}},
        "FLUME_REDIS_FILE": f"{REDIS_FOLDER}/{REDIS_FILE}",
    }
    if spec.modules:
        # In the manifest, too; but a change of what is mounted restarts no pod.
        ours["FLUME_MODULES"] = " ".join(spec.modules)
    theirs = {each.name for each in spec.env}
    listed = [
        {"name": name, "value" if isinstance(value, str) else "valueFrom": value}
        for name, value in sorted(ours.items())
        if name not in theirs
    ]
    return [*listed, *_plain(spec.env)]


def _volumes(manifest: Manifest) -> list[dict[str, Any]]:
    spec, secret = manifest.spec, manifest.spec.redis.secret_ref
    found: list[dict[str, Any]] = [
        {"name": "flume-manifest", "configMap": {"name": manifest.metadata.name}},
        {
            "name": "flume-redis",
            "secret": {
                "secretName": secret.name,
                "items": [{"key": secret.key, "path": REDIS_FILE}],
                "defaultMode": READ_BY_GROUP,
            },
        },
    ]
    if not _mounts_tmp(spec):
        found.append({"name": "flume-tmp", "emptyDir": {"sizeLimit": TEMPORARY}})
    return found


def _mounts(spec: PipelineSpec) -> list[dict[str, Any]]:
    """Return what the worker sees of the volumes.  Folders, for files alone would never change."""
    found: list[dict[str, Any]] = [
        {"name": "flume-manifest", "mountPath": MANIFEST_FOLDER, "readOnly": True},
        {"name": "flume-redis", "mountPath": REDIS_FOLDER, "readOnly": True},
    ]
    if not _mounts_tmp(spec):
        found.append({"name": "flume-tmp", "mountPath": "/tmp"})
    return [*found, *_plain(spec.volume_mounts)]


def _mounts_tmp(spec: PipelineSpec) -> bool:
    return any(each.mount_path.rstrip("/") == "/tmp" for each in spec.volume_mounts)


def _spread(name: str) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {PIPELINE_LABEL: name}},
    }


def _probe(path: str, **settings: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": HEALTH_PORT}, **settings}


def _merged(ours: Mapping[str, Any], theirs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return our settings with those of the Pipeline, which win; a null takes one of ours away."""
    both = {**ours, **(theirs or {})}
    return {key: both[key] for key in sorted(both) if both[key] is not None}


def _given(**fields: Any) -> dict[str, Any]:
    """Return the fields that were set, as plain values."""
    return {name: _plain(value) for name, value in fields.items() if value not in (None, (), {})}


def _plain(value: Any) -> Any:
    """Return a part of the Pipeline as Kubernetes has it, without what was not set."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
