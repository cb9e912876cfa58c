"""What the operator is told when it starts; ``cli`` fills it from flags and the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flume_operator.objects import Pipeline

DEFAULT_WORKER_IMAGE = "ghcr.io/flume-dev/flume-worker:0.1.0"


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one operator process."""

    namespaces: tuple[str, ...] = ()
    """Namespaces whose Pipelines are looked after; empty: those of the whole cluster."""
    worker_image: str = DEFAULT_WORKER_IMAGE
    """Image of workers whose Pipeline names none."""
    key_prefix: str = "flume"
    """Start of the keys in Redis where a Pipeline gives none; ``{namespace}`` stands for its own.

    Change it to ``flume:{namespace}`` where teams share a Redis.
    """
    health_port: int = 8080
    """Port of /healthz, /readyz and /metrics; 0 takes a free one."""
    lease_name: str = "flume-operator"
    """Name of the Lease by which one of several operators is chosen to write."""
    lease_namespace: str = ""
    """Namespace of that Lease; empty: the operator leads without asking, for one replica alone."""
    identity: str = ""
    """Name of this process in the Lease; a pod's name."""
    concurrency: int = 8
    """Pipelines worked on at once.  More finish a start sooner and load the API server more."""
    resync_s: float = 600.0
    """Seconds after which a Pipeline is worked on again though nothing was heard of it."""
    look_s: float = 10.0
    """Seconds between two looks at a queue in Redis, for pauses and workers in the status."""

    def prefix_of(self, pipeline: Pipeline) -> str:
        """Return the start of a Pipeline's keys, whether or not its spec is valid."""
        redis = pipeline.spec.get("redis")
        own = redis.get("keyPrefix") if isinstance(redis, Mapping) else None
        return str(own or self.key_prefix.replace("{namespace}", pipeline.key.namespace))
