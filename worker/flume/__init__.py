"""Flume: durable jobs on Redis or Valkey.

Enqueue with ``Client`` or ``AsyncClient``; define what runs with ``@handler``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flume.batch import Batch, BatchJob
from flume.batching import BatchHandler, batch_handler
from flume.errors import FlumeError
from flume.handler import Handler, handler, lifespan, ref
from flume.job import Job, JobInfo, JobState
from flume.options import Options
from flume.outcome import Discard, Retry

if TYPE_CHECKING:
    from flume.client import AsyncClient
    from flume.current import current_job
    from flume.pausing import PauseInfo
    from flume.sync_client import Client

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "Batch",
    "BatchHandler",
    "BatchJob",
    "Client",
    "Discard",
    "FlumeError",
    "Handler",
    "Job",
    "JobInfo",
    "JobState",
    "Options",
    "PauseInfo",
    "Retry",
    "batch_handler",
    "current_job",
    "handler",
    "lifespan",
    "ref",
]

# Loaded on first use: they bring redis, which an app that only defines handlers need not load.
_LAZY = {
    "AsyncClient": "flume.client",
    "Client": "flume.sync_client",
    "PauseInfo": "flume.pausing",
    "current_job": "flume.current",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'flume' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
