"""What a worker counts, and how Prometheus reads it.

The counts are plain numbers that the event loop raises; prometheus-client's own counters cost
several times a short job, so its families are made from these when somebody asks.
``docs/reference/metrics.md`` lists them; a test holds the two together.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from flume.events import JobsClaimed

if TYPE_CHECKING:
    from prometheus_client.core import Metric

# Powers of about three: from a handler that does nothing to one that runs for ten minutes.
DURATION_BUCKETS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 600)
COUNT_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
BYTES_BUCKETS = (256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304)

LABELS = ("pipeline", "queue")
"""Of every family."""


class Histogram:
    """Counts of values up to each bound, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulative(self) -> list[tuple[str, float]]:
        """Return Prometheus' buckets: how many values are at most each bound."""
        result, so_far = [], 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            so_far += count
            result.append(("+Inf" if bound == float("inf") else repr(float(bound)), float(so_far)))
        return result


class Metrics:
    """The counts of one worker."""

    def __init__(self, queue: str, pipeline: str) -> None:
        self.queue = queue
        self.pipeline = pipeline
        self.jobs: dict[tuple[str, str], Histogram] = {}
        """(handler, outcome) -> how long its jobs ran, in s."""
        self.claim_jobs = Histogram(COUNT_BUCKETS)
        self.claim_seconds = Histogram(DURATION_BUCKETS)
        self.claim_bytes = Histogram(BYTES_BUCKETS)
        self.claim_waited = Histogram(DURATION_BUCKETS)
        self.batch_jobs = Histogram(COUNT_BUCKETS)
        self.tokens_taken = 0
        self.tokens_returned = 0
        self.leases_lost = 0
        self.reclaimed = 0
        self.held: Callable[[], int] = int
        self.running: Callable[[], int] = int
        self.is_away: Callable[[], bool] = bool

    def ran(self, handler: str, outcome: str, seconds: float, jobs: int = 1) -> None:
        """Count a job that ended (of a batch: many): completed, retried, buried, and so on."""
        try:
            histogram = self.jobs[handler, outcome]
        except KeyError:
            histogram = self.jobs[handler, outcome] = Histogram(DURATION_BUCKETS)
        histogram.counts[bisect_left(DURATION_BUCKETS, seconds)] += jobs
        histogram.total += seconds * jobs

    def claimed(self, event: JobsClaimed) -> None:
        """Count a claim that brought jobs."""
        self.claim_jobs.add(event.count)
        self.claim_seconds.add(event.claim_s)
        self.claim_bytes.add(event.payload_bytes)
        self.claim_waited.add(event.waited_s)


class WorkerCollector:
    """The metrics of all workers of a process, as prometheus-client collects them."""

    def __init__(self, workers: Sequence[Metrics]) -> None:
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        """Yield each family once, with the samples of every worker.

        A family for each worker would not do: a name that comes twice makes the text invalid.
        """
        yield from _jobs(self._workers)
        yield from _claims(self._workers)
        yield from _counters(self._workers)
        yield from _gauges(self._workers)


def _labels(worker: Metrics) -> list[str]:
    return [worker.pipeline, worker.queue]


def _jobs(workers: Sequence[Metrics]) -> Iterator[Metric]:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(
        "flume_job_duration_seconds",
        "How long the runs of handlers took, by outcome.",
        labels=[*LABELS, "handler", "outcome"],
    )
    for worker in workers:
        for names, histogram in list(worker.jobs.items()):
            labels = [*_labels(worker), *names]
            family.add_metric(labels, histogram.cumulative(), histogram.total)
    yield family


def _claims(workers: Sequence[Metrics]) -> Iterator[Metric]:
    from prometheus_client.core import HistogramMetricFamily

    for name, text, field in (
        ("flume_claim_jobs", "How many jobs a claim brought.", "claim_jobs"),
        ("flume_claim_duration_seconds", "How long a claim took.", "claim_seconds"),
        ("flume_claim_payload_bytes", "How large the jobs of a claim were.", "claim_bytes"),
        (
            "flume_claim_latency_seconds",
            "How long the first job of a claim had been ready.",
            "claim_waited",
        ),
        ("flume_batch_jobs", "How many jobs a batch had.", "batch_jobs"),
    ):
        family = HistogramMetricFamily(name, text, labels=LABELS)
        for worker in workers:
            histogram: Histogram = getattr(worker, field)
            family.add_metric(_labels(worker), histogram.cumulative(), histogram.total)
        yield family


def _counters(workers: Sequence[Metrics]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily

    for name, text, field in (
        (
            "flume_limit_tokens_taken_total",
            "Tokens of the rate limit that were taken.",
            "tokens_taken",
        ),
        (
            "flume_limit_tokens_returned_total",
            "Tokens of the rate limit that started no job.",
            "tokens_returned",
        ),
        ("flume_leases_lost_total", "Jobs whose lease this worker lost.", "leases_lost"),
        ("flume_jobs_reclaimed_total", "Jobs taken back from silent workers.", "reclaimed"),
    ):
        family = CounterMetricFamily(name, text, labels=LABELS)
        for worker in workers:
            family.add_metric(_labels(worker), getattr(worker, field))
        yield family


def _gauges(workers: Sequence[Metrics]) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    held = GaugeMetricFamily("flume_jobs_held", "Jobs claimed and not settled.", labels=LABELS)
    running = GaugeMetricFamily("flume_jobs_running", "Jobs whose handler runs.", labels=LABELS)
    redis = GaugeMetricFamily(
        "flume_redis_up", "Whether Redis answered this worker's last call.", labels=LABELS
    )
    for worker in workers:
        held.add_metric(_labels(worker), worker.held())
        running.add_metric(_labels(worker), worker.running())
        redis.add_metric(_labels(worker), int(not worker.is_away()))
    yield from (held, running, redis)
