"""Finds what was deleted unheard: compares what is known with a list of what is there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from flume_operator.api import Api
from flume_operator.cache import Cache
from flume_operator.listening import Listener
from flume_operator.objects import Key, read_pipeline

AGAIN_S = 5.0
"""Until the list is asked for again, where the API server did not give it."""

logger = logging.getLogger("flume_operator.comparing")


class Comparer:
    """Compares at the start, and after each list that came in place of changes.

    Args:
        api: Of the cluster.
        namespaces: Those looked after; empty: all.
        cache: Of what is known.
        listener: Told of what is gone.
        resync: Called when a list came: children may have been deleted unheard, too.
    """

    def __init__(
        self,
        api: Api,
        namespaces: tuple[str, ...],
        cache: Cache,
        listener: Listener,
        *,
        resync: Callable[[], None],
    ) -> None:
        self._api = api
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)
        self._cache = cache
        self._listener = listener
        self._resync = resync
        self.is_complete = False
        """Whether the cache was whole once: only then an unknown uid is one that is gone."""

    async def compare(self) -> None:
        """Take in all Pipelines as they are now.

        Raises:
            ApiError: If they could not be listed.
        """
        before = {(key, p.uid) for key in self._cache if (p := self._cache.pipeline(key))}
        found: set[tuple[Key, str]] = set()
        for namespace in self._namespaces:
            for body in await self._api.list_all("Pipeline", namespace):
                pipeline = read_pipeline(body)
                found.add((pipeline.key, pipeline.uid))
                self._listener.put(pipeline)
        # What came while this list was fetched is newer than it.
        lost = [key for key in self._cache.gone(found) if self._still(key, before)]
        self._listener.missing(lost)
        self.is_complete = True
        if lost:
            logger.warning("deletions_missed", extra={"count": len(lost)})

    def _still(self, key: Key, before: set[tuple[Key, str]]) -> bool:
        pipeline = self._cache.pipeline(key)
        return pipeline is not None and (key, pipeline.uid) in before

    async def run(self) -> None:
        """Compare after each list until it is cancelled."""
        while True:
            await self._listener.relisted.wait()
            self._listener.relisted.clear()
            try:
                await self.compare()
            except Exception as error:  # the next list, or the resync of each key, makes up for it
                logger.warning("compare_failed", extra={"error": str(error)})
                self._listener.relisted.set()
                await asyncio.sleep(AGAIN_S)
                continue
            self._resync()
