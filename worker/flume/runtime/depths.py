"""The depth and latency of queues for Prometheus, asked of Redis at each scrape.

They belong to the queue and not to a worker, so that one process shows them: ``flume dev`` here,
and in a cluster the operator.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from flume.commands.client import Counts
from flume.errors import FlumeError
from flume.gauges import families
from flume.runtime.metrics import LABELS, Metrics
from flume.sync_client import Client

if TYPE_CHECKING:
    from prometheus_client.core import Metric

TIMEOUT_S = 2.0
"""A scrape gives up after 10 s by default; without Redis it has to bring the rest in time."""


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
        yield from families(found, LABELS)
