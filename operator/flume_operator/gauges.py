"""The depth and latency of every queue, as Prometheus and autoscalers read them.

Made of what was last seen of each queue, so that a scrape waits for no Redis.  Queues are looked at
by whoever leads, and each by the Pipeline that owns it: one process shows it, once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flume.control import Counts
from flume.gauges import families
from flume_operator.objects import Key

if TYPE_CHECKING:
    from prometheus_client.core import Metric

LABELS = ("namespace", "pipeline", "queue")

STALE_S = 60.0
"""An autoscaler must not go by what was true before an outage: older samples are left out, unless
there are so many Pipelines that one round of looks takes longer."""
ROUND_S = 0.15
"""What one Pipeline may add to a round."""


@dataclass(frozen=True, slots=True)
class _Sample:
    uid: str
    queue: str
    counts: Counts
    at: float


class QueueGauges:
    """What was last seen of each queue.  A registry of prometheus-client collects it.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # it is collected in the thread of the health port
        self._samples: dict[Key, _Sample] = {}

    def saw(self, key: Key, uid: str, queue: str, counts: Counts) -> None:
        """Keep what the queue of a Pipeline was like."""
        with self._lock:
            self._samples[key] = _Sample(uid, queue, counts, self._clock())

    def forget(self, key: Key, uid: str) -> None:
        """Show no queue for a Pipeline that is gone, or does not own it."""
        with self._lock:
            if key in self._samples and self._samples[key].uid == uid:
                del self._samples[key]

    def clear(self) -> None:
        """Show nothing any more: another process leads."""
        with self._lock:
            self._samples.clear()

    def collect(self) -> Iterator[Metric]:
        """Yield each family once."""
        with self._lock:
            samples = sorted(self._samples.items())
        oldest = self._clock() - max(STALE_S, len(samples) * ROUND_S)
        found = [
            ((key.namespace, key.name, sample.queue), sample.counts)
            for key, sample in samples
            if sample.at >= oldest
        ]
        yield from families(found, LABELS)

    def describe(self) -> list[Metric]:
        """Return nothing: families are known when they are collected."""
        return []
