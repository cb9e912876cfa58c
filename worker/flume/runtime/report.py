"""What a worker tells of itself: its record, its log lines, its events."""

from __future__ import annotations

import logging
import os
import platform
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import flume
from flume.commands.worker import Reclaimed
from flume.events import JobsReclaimed, bus
from flume.pipeline import RateLimit
from flume.runtime.demand import Demand
from flume.runtime.lane import Lane
from flume.runtime.link import Link
from flume.runtime.live import LiveSettings
from flume.runtime.metrics import Metrics

logger = logging.getLogger("flume.worker")


def record(
    live: LiveSettings, demand: Demand, lanes: Sequence[Lane], handlers: Sequence[str]
) -> dict[str, Any]:
    """Return what people see of a worker in Redis."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "version": flume.__version__,
        "python": platform.python_version(),
        "held": len(demand.held),
        "running": sum(lane.busy() for lane in lanes),
        "max_demand": live.current.max_demand,
        "concurrency": sum(lane.places for lane in lanes),
        "handlers": handlers,
        "generation": live.generation,
        "settings_uid": "" if live.record is None else live.record.owner.uid,
        "settings_problem": live.problem,
        "awaits_settings": live.is_awaited,
        "flags": live.flags,
        "settings_from": live.origin,
        "settings": _own_settings(live),
        "paused_by_settings": live.is_paused,
    }


def _own_settings(live: LiveSettings) -> dict[str, Any] | None:
    """Return what is in force where the queue's record does not tell it; else None."""
    if live.record is not None and not live.problem:
        return None
    settings = asdict(live.current)
    del settings["queue"]
    return settings


def measure(metrics: Metrics, demand: Demand, lanes: Sequence[Lane], link: Link) -> None:
    """Let metrics ask for what changes from moment to moment."""
    metrics.held = lambda: len(demand.held)
    metrics.running = lambda: sum(lane.busy() for lane in lanes)
    metrics.is_away = lambda: link.is_away


def say_reclaimed(metrics: Metrics, reclaimed: Reclaimed) -> None:
    """Say that jobs were taken back from others."""
    metrics.reclaimed += reclaimed.seen
    extra = {
        "queue": metrics.queue,
        "charged": len(reclaimed.charged),
        "released": len(reclaimed.released),
        "buried": len(reclaimed.buried),
        "job_ids": (reclaimed.charged + reclaimed.released + reclaimed.buried)[:10],
    }
    logger.warning("jobs_reclaimed", extra=extra)
    charged, released = tuple(reclaimed.charged), tuple(reclaimed.released)
    bus.publish(JobsReclaimed(metrics.queue, charged, released, tuple(reclaimed.buried)))


def say_settings(queue: str, live: LiveSettings, changed: Mapping[str, tuple[Any, Any]]) -> None:
    """Say what new settings have changed, and what of their record is not understood."""
    if changed:
        extra = {
            "queue": queue,
            "generation": live.generation,
            "owner": "" if live.record is None else live.record.owner.name,
            "changed": {name: [_plain(value) for value in pair] for name, pair in changed.items()},
        }
        logger.info("settings_changed", extra=extra)
    if live.record is not None and live.record.unknown:
        unknown = list(live.record.unknown)
        logger.warning("settings_unknown", extra={"queue": queue, "fields": unknown})


def _plain(value: Any) -> Any:
    """Return a value that every log formatter can write."""
    return asdict(value) if isinstance(value, RateLimit) else value
