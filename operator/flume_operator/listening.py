"""Takes in what the watch heard: keeps it in the cache and wakes what it concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from flume_operator.cache import Cache, is_older
from flume_operator.objects import Child, Key, Pipeline, read_child, read_pipeline
from flume_operator.watch import Heard

QUIET_S = 1.0
"""So long after the last object of a list it counts as whole."""


class Listener:
    """Keeps the cache and wakes keys.

    Args:
        cache: Of what is known.
        wake: Called with a key that something happened to, and whether a person wants something.
        changed: Called with each new version of a Pipeline, before anything else is done with it.
        gone: Called with a Pipeline that is there no more.
    """

    def __init__(
        self,
        cache: Cache,
        *,
        wake: Callable[[Key, bool], None],
        changed: Callable[[Pipeline], None],
        gone: Callable[[Pipeline], None],
    ) -> None:
        self._cache = cache
        self._wake = wake
        self._changed = changed
        self._gone = gone
        self.relisted = asyncio.Event()
        """Set when a list has come in place of changes: some may have been missed."""
        self._quiet: asyncio.TimerHandle | None = None

    def hear(self, heard: Heard) -> None:
        """Take one thing in."""
        if heard.is_listed:
            self._expect_more()
        if heard.kind == "Pipeline":
            pipeline = read_pipeline(heard.body)
            if heard.is_deleted:
                self._drop(pipeline)
            else:
                self.put(pipeline)
        elif (child := read_child(heard.kind, heard.body)) is not None:
            self._put_child(child, is_deleted=heard.is_deleted)

    def put(self, pipeline: Pipeline) -> None:
        """Take in a version of a Pipeline."""
        known = self._cache.put(pipeline)
        if known is not None and known.uid != pipeline.uid:
            self._gone(known)
            known = None
        elif known is not None and (_is_same(pipeline, known) or is_older(pipeline, known)):
            return
        self._changed(pipeline)
        is_wish = known is None or _wishes(known) != _wishes(pipeline)
        self._wake(pipeline.key, is_wish)

    def missing(self, keys: list[Key]) -> None:
        """Take in that Pipelines are gone whose deletion was not heard."""
        for key in keys:
            pipeline = self._cache.pipeline(key)
            if pipeline is not None:
                self._drop(pipeline)

    def _drop(self, pipeline: Pipeline) -> None:
        known = self._cache.pipeline(pipeline.key)
        if known is not None and known.uid == pipeline.uid:
            self._cache.drop(pipeline)
        self._gone(pipeline)

    def _put_child(self, child: Child, *, is_deleted: bool) -> None:
        if is_deleted:
            known = self._cache.child(child.owner, child.kind, child.name)
            if known is not None and known.body["uid"] == child.body["uid"]:
                self._cache.drop_child(child)
        else:
            known = self._cache.put_child(child)
            if known is not None and not _is_news(child, known):
                return
        self._wake(child.owner, False)

    def _expect_more(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_later(QUIET_S, self.relisted.set)


def _is_same(one: Pipeline, other: Pipeline) -> bool:
    return one.resource_version == other.resource_version


def _is_news(child: Child, known: Child) -> bool:
    """Whether a pass over the Pipeline could find anything to do.

    Most versions of a child are of its status, and of these only a Deployment's is reported.
    """
    if child.body["resourceVersion"] == known.body["resourceVersion"]:
        return False
    return child.kind == "Deployment" or child.digest != known.digest


def _wishes(pipeline: Pipeline) -> tuple[int, int | None]:
    return pipeline.generation, pipeline.deleted_ms
