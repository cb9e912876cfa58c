"""Which lanes a worker has: one for each kind of handler it was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flume.handler import Handler
from flume.pipeline import PipelineSettings
from flume.runtime.async_lane import AsyncLane
from flume.runtime.lane import Ended, Lane
from flume.runtime.thread_lane import ThreadLane
from flume.runtime.tracing import traced


def make_lanes(
    handlers: Mapping[str, Handler[..., Any]], settings: PipelineSettings, ended: Ended
) -> list[Lane]:
    """Return a lane for the async handlers and one for the sync ones, where there are any."""
    handlers = traced(handlers, settings)
    lanes: list[Lane] = []
    for is_async, kind in ((True, AsyncLane), (False, ThreadLane)):
        mine = {name: item for name, item in handlers.items() if item.is_async == is_async}
        if mine:
            places = settings.places(is_sync=not is_async)
            lanes.append(kind(settings.queue, mine, settings, places=places, ended=ended))
    return lanes
