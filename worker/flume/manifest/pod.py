"""The shape of the worker's pods.  Only Kubernetes acts on it, and each change restarts them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from flume.manifest import patterns
from flume.manifest.fields import Between, Default, Entries, FromKubernetes, IntOrText, Items, Text
from flume.manifest.model import Model, Passed, Rule

# Kubernetes keeps at most 256 KiB of annotations on one object.
ANNOTATIONS = 262_144
# Linux takes no single environment string or argument above 128 KiB.
LONGEST_ARGUMENT = 131_072

LabelValue = Annotated[str, Text(63, patterns.LABEL_VALUE)]
# A number without a suffix is at most 1 Pi, in bytes where it is memory.
Quantity = Annotated[int | str, IntOrText(patterns.QUANTITY, longest=32, most=2**50)]


class EnvVar(Passed):
    """A variable of the worker's environment."""

    name: Annotated[str, Text(253, patterns.ENV_NAME)]
    """Name of the variable."""
    value: Annotated[str | None, Text(LONGEST_ARGUMENT), Default("the empty string")] = Field(
        default=None, repr=False
    )
    """Its value, a string: quote numbers and true or false."""
    value_from: Annotated[
        dict[str, Any] | None, FromKubernetes("EnvVarSource"), Default("none")
    ] = None
    """Where the value comes from instead."""

    rules = (
        Rule(
            reads=("value", "valueFrom"),
            broken=lambda value, source: value is not None and source is not None,
            cel="!has(self.value) || !has(self.valueFrom)",
            sentence="set value or valueFrom, not both",
        ),
    )


class Resources(Passed):
    """What the worker's container asks for, and what it may use at most."""

    requests: Annotated[dict[str, Quantity] | None, Entries(32), Default("none")] = None
    """Amount reserved on the node, by resource."""
    limits: Annotated[dict[str, Quantity] | None, Entries(32), Default("none")] = None
    """Greatest amount, by resource."""


class VolumeMount(Passed):
    """Where a volume of the pod appears in the worker's container."""

    name: Annotated[str, Text(63, patterns.LABEL)]
    """Name of a volume in pod.volumes."""
    mount_path: Annotated[str, Text(4096, patterns.MOUNT_PATH)]
    """Path in the container."""


class Container(Passed):
    """A container beside the worker's."""

    name: Annotated[str, Text(63, patterns.LABEL)]
    """Name of the container."""


class Volume(Passed):
    """A volume of the pod."""

    name: Annotated[str, Text(63, patterns.LABEL)]
    """Name of the volume."""


class ImagePullSecret(Model):
    """A Secret with the password of an image registry."""

    name: Annotated[str, Text(253, patterns.SUBDOMAIN)]
    """Name of the Secret, in the Pipeline's namespace."""


def _is_reserved(keys: dict[str, Any] | None) -> bool:
    return any(key.startswith("flume.dev/") for key in keys or {})


class Pod(Model):
    """What is set on the pods as a whole."""

    labels: Annotated[dict[str, LabelValue] | None, Entries(64), Default("none")] = None
    """More labels for the pods."""
    annotations: Annotated[
        dict[str, Annotated[str, Text(ANNOTATIONS)]] | None, Entries(64), Default("none")
    ] = None
    """More annotations for the pods."""
    image_pull_secrets: Annotated[
        tuple[ImagePullSecret, ...], Items(16, distinct="name"), Default("none")
    ] = ()
    """Secrets for private image registries."""
    volumes: Annotated[
        tuple[Volume, ...],
        Items(64, distinct="name"),
        FromKubernetes("Volume"),
        Default("none"),
    ] = ()
    """More volumes, which volumeMounts and containers name."""
    node_selector: Annotated[dict[str, LabelValue] | None, Entries(64), Default("none")] = None
    """Labels that a node must have."""
    affinity: Annotated[dict[str, Any] | None, FromKubernetes("Affinity"), Default("none")] = None
    """Nodes and other pods to be near to or far from."""
    tolerations: Annotated[
        tuple[dict[str, Any], ...], Items(64), FromKubernetes("Toleration"), Default("none")
    ] = ()
    """Taints of nodes that the pods put up with."""
    topology_spread_constraints: Annotated[
        tuple[dict[str, Any], ...],
        Items(16),
        FromKubernetes("TopologySpreadConstraint"),
        Default("spread over nodes where possible"),
    ] = ()
    """How the pods are spread over zones and nodes."""
    service_account_name: Annotated[
        str | None, Text(253, patterns.SUBDOMAIN), Default("that of the namespace")
    ] = None
    """Service account of the pods."""
    priority_class_name: Annotated[
        str | None, Text(253, patterns.SUBDOMAIN), Default("that of the cluster")
    ] = None
    """Priority class of the pods."""
    runtime_class_name: Annotated[
        str | None, Text(253, patterns.SUBDOMAIN), Default("that of the node")
    ] = None
    """Runtime class of the pods."""
    security_context: Annotated[
        dict[str, Any] | None,
        FromKubernetes("PodSecurityContext"),
        Default("what restricted namespaces ask for"),
    ] = None
    """Security settings of the pods."""
    termination_grace_period_seconds: Annotated[int, Between(10, 86_400, "seconds")] = 60
    """Time from SIGTERM to SIGKILL, in which running jobs finish.

    Jobs that take longer are released and run again elsewhere.
    """

    rules = (
        Rule(
            reads=("labels",),
            broken=_is_reserved,
            cel="!has(self.labels) || self.labels.all(k, !k.startsWith('flume.dev/'))",
            at="labels",
            sentence="labels below flume.dev/ belong to the operator: choose another prefix",
        ),
        Rule(
            reads=("annotations",),
            broken=_is_reserved,
            cel="!has(self.annotations) || self.annotations.all(k, !k.startsWith('flume.dev/'))",
            at="annotations",
            sentence="annotations below flume.dev/ belong to the operator: choose another prefix",
        ),
    )
