"""What the operator counts of itself; ``docs/reference/metrics.md`` lists it.

The depths of queues are not here: ``gauges`` has them.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

RUN_BUCKETS = (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60)
"""From a look that changes nothing to a run that is cut off."""
PAUSE_BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 1, 2, 5, 20)
"""A pause should bind within half a second, and within 20 when the leader dies."""


class OperatorMetrics:
    """The counts of one operator process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._runs = Histogram(
            "flume_operator_reconcile_duration_seconds",
            "How long the runs for single Pipelines took, by outcome.",
            ["outcome"],
            buckets=RUN_BUCKETS,
            registry=registry,
        )
        self._pauses = Histogram(
            "flume_operator_pause_duration_seconds",
            "How long it took from a change of spec.paused until Redis had it.",
            ["outcome"],
            buckets=PAUSE_BUCKETS,
            registry=registry,
        )
        self._writes = Counter(
            "flume_operator_writes",
            "Calls that change something in the cluster, by kind of object and outcome.",
            ["kind", "outcome"],
            registry=registry,
        )
        self.leading = _gauge(registry, "leading", "Whether this process leads and writes.")
        self.pipelines = _gauge(registry, "pipelines", "Pipelines that this process knows of.")
        self.waiting = _gauge(registry, "keys_waiting", "Pipelines that wait to be worked on.")
        self.failing = _gauge(registry, "keys_failing", "Pipelines that wait for another try.")
        self.oldest = _gauge(
            registry, "oldest_run_seconds", "For how long the oldest of the present runs goes on."
        )
        self.events = _gauge(
            registry, "events_dropped", "Kubernetes Events that could not be written."
        )

    def ran(self, outcome: str, seconds: float) -> None:
        """Count a run for a Pipeline that ended: ``done``, ``refused``, ``failed`` or ``cut``."""
        self._runs.labels(outcome).observe(seconds)

    def paused(self, outcome: str, seconds: float) -> None:
        """Count a pause or resume on its fast path: ``done`` or ``failed``."""
        self._pauses.labels(outcome).observe(seconds)

    def wrote(self, kind: str, outcome: str) -> None:
        """Count a call that changes something: ``done``, ``refused`` or ``unavailable``."""
        self._writes.labels(kind, outcome).inc()


def _gauge(registry: CollectorRegistry, name: str, text: str) -> Gauge:
    return Gauge(f"flume_operator_{name}", text, registry=registry)
