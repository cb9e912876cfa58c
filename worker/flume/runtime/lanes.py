"""Which lanes a worker has: one for each kind of handler it was given."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from flume.batching import BatchHandler
from flume.handler import Handler
from flume.pipeline import PipelineSettings
from flume.runtime.async_lane import AsyncLane
from flume.runtime.batch_lane import AsyncBatchLane, ThreadBatchLane
from flume.runtime.lane import Ended, Lane
from flume.runtime.live import LiveSettings
from flume.runtime.thread_lane import ThreadLane
from flume.runtime.tracing import traced

logger = logging.getLogger("flume.worker")


def make_lanes(
    handlers: Mapping[str, Handler[..., Any]], live: LiveSettings, ended: Ended
) -> list[Lane]:
    """Return a lane for each kind of handler there is: async or sync, of one job or of a batch."""
    handlers, settings = traced(handlers, lambda: live.current), live.current
    lanes: list[Lane] = []
    for takes_batches, is_async, kind in _KINDS:
        mine = {
            name: item
            for name, item in handlers.items()
            if item.is_async == is_async and isinstance(item, BatchHandler) == takes_batches
        }
        if mine:
            places = settings.places(is_sync=kind.is_sync)
            lanes.append(kind(settings.queue, mine, settings, places=places, ended=ended))
    return lanes


def warn_of_single(handlers: Mapping[str, Handler[..., Any]], settings: PipelineSettings) -> None:
    """Say which handlers run single jobs though the pipeline asks for batches."""
    names = sorted(name for name, one in handlers.items() if not isinstance(one, BatchHandler))
    if settings.batch_size is not None and names:
        extra = {"queue": settings.queue, "batch_size": settings.batch_size, "handlers": names}
        logger.warning("handlers_without_batches", extra=extra)


_KINDS: tuple[tuple[bool, bool, type[Lane]], ...] = (
    (False, True, AsyncLane),
    (False, False, ThreadLane),
    (True, True, AsyncBatchLane),
    (True, False, ThreadBatchLane),
)
"""Whether it takes batches, whether it is async."""
