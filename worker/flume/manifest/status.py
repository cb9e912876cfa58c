"""The status of a Pipeline: what the operator reports, and nobody else sets.

Bounds are wide: they keep the object small, and must never refuse what really happened.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from flume.manifest import patterns
from flume.manifest.fields import Between, Flag, Items, Text
from flume.manifest.model import Model

Pods = Annotated[int, Between(0, 1_000_000, "pods")]
Workers = Annotated[int, Between(0, 1_000_000, "workers")]
# The API server keeps numbers as JSON does: whole ones are exact up to here.
Generation = Annotated[int, Between(0, 2**53)]


class Condition(Model):
    """One aspect of the Pipeline, as Kubernetes writes conditions."""

    type: Annotated[str, Text(64, patterns.REASON)]
    """Ready, SpecValid, SettingsSynced, Paused, WorkersAvailable or Drained."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    observed_generation: Generation | None = None
    """Generation of the Pipeline that it was judged on."""
    last_transition_time: datetime
    """When status changed last."""
    reason: Annotated[str, Text(128, patterns.REASON)]
    """Why, in one word."""
    message: Annotated[str, Text(32_768)]
    """Why, in a sentence that says what to change."""


class PausedBy(Model):
    """A pause that is in force."""

    source: Annotated[str, Text(320)]
    """Where it comes from: spec, client, all (every queue), or worker: and the id of one."""
    reason: Annotated[str | None, Text(1024)] = None
    """Why, in the words of who paused."""
    by: Annotated[str | None, Text(128)] = None
    """Who paused."""
    since: datetime | None = None
    """When it began, by the clock of Redis."""
    until: datetime | None = None
    """When it ends by itself; without it, it does not."""


class SettingsStatus(Model):
    """How far the fields that apply live have come."""

    generation: Generation | None = None
    """Generation of the Pipeline whose settings are in Redis."""
    secret_name: Annotated[str | None, Text(253)] = None
    """Secret that says in which Redis."""
    secret_key: Annotated[str | None, Text(253)] = None
    """Its key."""
    key_prefix: Annotated[str | None, Text(100)] = None
    """Start of their keys there."""
    workers: Workers | None = None
    """Workers that are alive."""
    acknowledged_workers: Workers | None = None
    """Workers among them that obey these settings."""


class PipelineStatus(Model):
    """What the operator saw last."""

    observed_generation: Generation | None = None
    """Generation of the Pipeline that the operator acted on."""
    replicas: Pods | None = None
    """Pods that exist."""
    ready_replicas: Pods | None = None
    """Pods that are ready."""
    desired_replicas: Pods | None = None
    """Pods that there should be."""
    image: Annotated[str | None, Text(1024)] = None
    """Image of the workers: that of the spec, or else the operator's."""
    selector: Annotated[str | None, Text(1024)] = None
    """Labels of the pods, in the form that autoscalers read."""
    paused: Flag | None = None
    """True while any pause holds for all workers; pausedBy says which."""
    paused_by: Annotated[tuple[PausedBy, ...], Items(100, distinct="source")] = ()
    """All pauses in force, those of single workers last."""
    key_prefix: Annotated[str | None, Text(100)] = None
    """Start of the keys in Redis."""
    rate: Annotated[str | None, Text(128)] = None
    """Rate limit in force, such as 1000/6s; of a shared one the strictest that a Pipeline gives."""
    settings: SettingsStatus | None = None
    """How far the fields that apply live have come."""
    conditions: Annotated[tuple[Condition, ...], Items(32, distinct="type")] = ()
    """Aspects of the Pipeline; Ready sums them up."""
