"""A Pipeline as it is applied: apiVersion, kind, metadata and spec."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from flume.manifest import patterns
from flume.manifest.fields import Acts, Default, Entries, Text
from flume.manifest.model import Model
from flume.manifest.pod import ANNOTATIONS, LabelValue
from flume.manifest.spec import PipelineSpec
from flume.pipeline import PipelineSettings
from flume.pipeline import RateLimit as Limit

API_VERSION = "flume.dev/v1alpha1"
KIND = "Pipeline"


class Metadata(Model):
    """Name and labels, and what the API server adds to them."""

    name: Annotated[str, Text(63, patterns.LABEL), Acts.FIXED]
    """Name of the Pipeline and of the Deployment it becomes."""
    namespace: Annotated[
        str | None, Text(63, patterns.LABEL), Acts.FIXED, Default("that of kubectl")
    ] = None
    """Namespace of both; local mode ignores it."""
    labels: Annotated[dict[str, LabelValue] | None, Entries(256), Acts.OPERATOR] = None
    """Labels of the Pipeline."""
    annotations: Annotated[
        dict[str, Annotated[str, Text(ANNOTATIONS)]] | None, Entries(256), Acts.OPERATOR
    ] = None
    """Annotations of the Pipeline."""

    # Written by the API server; here so that what `kubectl get -o yaml` prints can be read.
    creation_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    deletion_timestamp: str | None = None
    finalizers: tuple[str, ...] = ()
    generate_name: str | None = None
    generation: int | None = None
    managed_fields: tuple[dict[str, Any], ...] = Field(default=(), repr=False)
    owner_references: tuple[dict[str, Any], ...] = ()
    resource_version: str | None = None
    self_link: str | None = None
    uid: str | None = None


class Manifest(Model):
    """A valid Pipeline."""

    api_version: Literal["flume.dev/v1alpha1"]
    kind: Literal["Pipeline"]
    metadata: Metadata
    spec: PipelineSpec
    status: Any = Field(default=None, exclude=True, repr=False)
    """Accepted, because `kubectl get -o yaml` prints it, and ignored."""

    def settings(self) -> PipelineSettings:
        """Return what running workers obey, in the units they use."""
        spec = self.spec
        limit = spec.rate_limit
        return PipelineSettings(
            queue=spec.queue,
            max_demand=spec.max_demand,
            concurrency=spec.concurrency,
            batch_size=spec.batch_size,
            batch_timeout_ms=spec.batch_timeout_milliseconds,
            bisect=spec.bisect,
            rate_limit=Limit(limit.count, limit.period_seconds, limit.key) if limit else None,
            max_retries=spec.retry.max_retries,
            backoff_initial_s=float(spec.retry.backoff_initial_seconds),
            backoff_max_s=float(spec.retry.backoff_max_seconds),
            max_crashes=spec.max_crashes,
            timeout_s=float(spec.timeout_seconds),
            lease_s=float(spec.lease_seconds),
            dead_max_jobs=spec.dead_letter.max_jobs,
            dead_max_age_s=float(spec.dead_letter.max_age_seconds),
            paused=spec.paused,
        )
