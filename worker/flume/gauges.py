"""The depth and latency of queues as Prometheus shows them.

Who asks Redis, and when, is left to the process that shows them: ``flume dev`` or the operator.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from flume.commands.client import Counts

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Found = Sequence[tuple[Sequence[str], Counts]]
"""The values of the labels, and what was counted."""

STATES = (
    ("suspects", "Ready jobs beside these: they ran when a worker died, and wait to run alone."),
    ("running", "Jobs that workers hold."),
    ("scheduled", "Jobs that wait for their time."),
    ("retrying", "Jobs that failed and run again."),
    ("dead", "Jobs that were given up."),
)


def families(found: Found, labels: Sequence[str]) -> Iterator[Metric]:
    """Yield each family once, with the samples of all these queues."""
    yield from _ready(found, labels)
    yield from _states(found, labels)


def _ready(found: Found, labels: Sequence[str]) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    names = [*labels, "handler"]
    depth = GaugeMetricFamily("flume_queue_depth", "Jobs that are ready to run.", labels=names)
    latency = GaugeMetricFamily(
        "flume_queue_latency_seconds", "How long the oldest ready job has waited.", labels=names
    )
    for values, counts in found:
        for handler, ready in counts.handlers.items():
            depth.add_metric([*values, handler], ready.depth)
            latency.add_metric([*values, handler], ready.latency_s)
    yield from (depth, latency)


def _states(found: Found, labels: Sequence[str]) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    for state, text in STATES:
        family = GaugeMetricFamily(f"flume_queue_{state}", text, labels=labels)
        for values, counts in found:
            family.add_metric(values, getattr(counts, state))
        yield family
    paused = GaugeMetricFamily("flume_queue_paused", "Whether the queue is paused.", labels=labels)
    for values, counts in found:
        paused.add_metric(values, int(counts.is_paused))
    yield paused
