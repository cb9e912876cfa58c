"""The depth and latency of queues for Prometheus, asked of Redis at each scrape.

They belong to the queue and not to a worker, so that one process shows them: ``flume dev`` here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from flume.commands.client import Counts
from flume.errors import FlumeError
from flume.runtime.metrics import LABELS, Metrics
from flume.sync_client import Client

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Found = Sequence[tuple[list[str], Counts]]

TIMEOUT_S = 2.0
"""A scrape gives up after 10 s by default; without Redis it has to bring the rest in time."""

STATES = (
    ("running", "Jobs that workers hold."),
    ("scheduled", "Jobs that wait for their time."),
    ("retrying", "Jobs that failed and run again."),
    ("dead", "Jobs that were given up."),
)


class QueueCollector:
    """The queues of some workers, as prometheus-client collects them.

    Args:
        url: Where Redis is.
        prefix: Start of all keys.
        workers: Whose queues to show, under their names.
    """

    def __init__(self, url: str | None, prefix: str, workers: Sequence[Metrics]) -> None:
        self._client = Client(url, prefix=prefix, timeout=TIMEOUT_S)
        self._workers = workers

    def __enter__(self) -> QueueCollector:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def collect(self) -> Iterator[Metric]:
        """Yield each family once; a queue that cannot be asked has no samples."""
        found: list[tuple[list[str], Counts]] = []
        for worker in self._workers:
            try:
                counts = self._client.queue(worker.queue).counts()
            except FlumeError:  # the worker says so in its log, and ``flume_redis_up`` here
                break
            found.append(([worker.pipeline, worker.queue], counts))
        yield from families(found)


def families(found: Found) -> Iterator[Metric]:
    """Yield the families of these counts, each with the values of its first two labels."""
    yield from _ready(found)
    yield from _states(found)


def _ready(found: Found) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    labels = [*LABELS, "handler"]
    depth = GaugeMetricFamily("flume_queue_depth", "Jobs that are ready to run.", labels=labels)
    latency = GaugeMetricFamily(
        "flume_queue_latency_seconds", "How long the oldest ready job has waited.", labels=labels
    )
    for values, counts in found:
        for handler, ready in counts.handlers.items():
            depth.add_metric([*values, handler], ready.depth)
            latency.add_metric([*values, handler], ready.latency_s)
    yield from (depth, latency)


def _states(found: Found) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    for state, text in STATES:
        family = GaugeMetricFamily(f"flume_queue_{state}", text, labels=LABELS)
        for values, counts in found:
            family.add_metric(values, getattr(counts, state))
        yield family
    paused = GaugeMetricFamily("flume_queue_paused", "Whether the queue is paused.", labels=LABELS)
    for values, counts in found:
        paused.add_metric(values, int(counts.is_paused))
    yield paused
