"""Parts of the spec that the operator obeys: the workers' Redis, roll-outs, evictions."""

from __future__ import annotations

from typing import Annotated

from flume.manifest import patterns
from flume.manifest.fields import Default, IntOrText, Text
from flume.manifest.model import Model, Rule

PodCount = Annotated[int | str, IntOrText(patterns.PERCENT, longest=4, most=1000)]


class SecretRef(Model):
    """The Secret that holds the address of Redis, password included."""

    name: Annotated[str, Text(253, patterns.SUBDOMAIN)] = "flume-redis"
    """Name of the Secret, in the Pipeline's namespace."""
    key: Annotated[str, Text(253, patterns.SECRET_KEY)] = "url"
    """Key in the Secret whose value is the URL."""


class Redis(Model):
    """Where the queue lives."""

    secret_ref: SecretRef = SecretRef()
    """The Secret that holds the URL of Redis."""
    key_prefix: Annotated[
        str | None, Text(100, patterns.KEY_PREFIX), Default("the operator's, flume unless changed")
    ] = None
    """Start of all keys in Redis, which keeps teams that share a Redis apart."""


class UpdateStrategy(Model):
    """How pods are replaced when their shape changes."""

    max_unavailable: PodCount = "25%"
    """Pods that may be missing meanwhile, as a number or a share."""
    max_surge: PodCount = "25%"
    """Pods that may exist beyond replicas meanwhile, as a number or a share."""

    rules = (
        Rule(
            reads=("maxUnavailable", "maxSurge"),
            broken=lambda missing, more: missing in (0, "0%") and more in (0, "0%"),
            cel="(self.maxUnavailable != 0 && self.maxUnavailable != '0%') || "
            "(self.maxSurge != 0 && self.maxSurge != '0%')",
            sentence="maxUnavailable and maxSurge must not both be 0: no pod could be replaced",
        ),
    )


class DisruptionBudget(Model):
    """How many pods an eviction, such as a node's drain, may take at once."""

    max_unavailable: PodCount = "25%"
    """Pods that may be missing because of evictions, as a number or a share."""
