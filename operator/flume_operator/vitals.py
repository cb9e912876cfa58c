"""What an operator process tells of itself, put together: its health port and what feeds it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry

from flume.health import Pulse
from flume_operator.alone import Leadership
from flume_operator.api import Api
from flume_operator.audit import Versions, WatchAudit
from flume_operator.cache import Cache
from flume_operator.health import LOOP_BOUND_S, Check, not_stuck, running, served
from flume_operator.metrics import OperatorMetrics
from flume_operator.objects import Key
from flume_operator.options import Options
from flume_operator.watch import Watcher
from flume_operator.workqueue import WorkQueue


class Vitals:
    """Looks after what the health port tells.

    Args:
        api: Of the cluster.
        options: Of this process.
        cache: What the watch fills.
        leadership: Says whether this process may write.
        loop_bound_s: For how long the event loop may stand still.
    """

    def __init__(
        self,
        api: Api,
        options: Options,
        cache: Cache,
        leadership: Leadership,
        *,
        loop_bound_s: float = LOOP_BOUND_S,
    ) -> None:
        self._api = api
        self._options = options
        self._cache = cache
        self.port = 0
        """While it is served."""
        self.queue: WorkQueue[Key] | None = None
        """While this process leads."""
        self.registry = CollectorRegistry()
        """Of everything that /metrics shows."""
        self.metrics = metrics = OperatorMetrics(self.registry)
        self._bound_s = loop_bound_s
        self._pulse = Pulse(loop_bound_s, loop="the operator's event loop", blocker="something")
        self._audit = WatchAudit(self._listed, self._cached)
        self._checks: dict[str, Check] = {
            "loop": self._pulse.check,
            "runs": not_stuck(lambda: self._of_queue(WorkQueue.stuck_for_s)),
        }
        metrics.leading.set_function(lambda: leadership.is_leading)
        metrics.pipelines.set_function(lambda: len(cache))
        metrics.waiting.set_function(lambda: self._of_queue(len))
        metrics.failing.set_function(lambda: self._of_queue(WorkQueue.failing))
        metrics.oldest.set_function(lambda: self._of_queue(WorkQueue.stuck_for_s))
        api.wrote = metrics.wrote

    @contextlib.contextmanager
    def served(self, ready: Check) -> Iterator[None]:
        """Answer probes and Prometheus while the event loop turns.

        Args:
            ready: Whether this replica works or could take over.

        Raises:
            ConfigurationError: If the port cannot be opened.
        """
        port, registry = self._options.health_port, self.registry
        with served(port, live=self._checks, ready=ready, registry=registry) as self.port:
            self._beat()  # from now on: the API server may have to be waited for long
            try:
                yield
            finally:
                self._beating.cancel()

    async def look_after(self, watcher: Watcher) -> None:
        """Find out whether a watch is alive, until cancelled."""
        self._checks |= {"watch": running(watcher.thread), "audit": self._audit.check}
        await self._audit.run()

    def _beat(self) -> None:
        self._pulse.beat()
        self._beating = asyncio.get_running_loop().call_later(self._bound_s / 8, self._beat)

    def _of_queue(self, ask: Callable[[WorkQueue[Key]], float]) -> float:
        queue = self.queue  # once: it may go at any moment, and this is another thread
        return ask(queue) if queue is not None else 0.0

    async def _listed(self) -> Versions:
        found: dict[str, str] = {}
        for namespace in self._options.namespaces or (None,):
            found |= await self._api.versions("Pipeline", namespace)
        return found

    def _cached(self) -> Versions:
        known = (self._cache.pipeline(key) for key in self._cache)
        return {pipeline.uid: pipeline.resource_version for pipeline in known if pipeline}
