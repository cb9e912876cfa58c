"""What several commands look at: a queue at one moment, a job in words, dead jobs by handler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flume.cli.server import Server

if TYPE_CHECKING:
    from flume.commands.client import Counts
    from flume.job import JobInfo
    from flume.operations import WorkerInfo

SILENT_AFTER_S = 3.0
"""A worker beats twice a second; after six beats that did not come it counts as dead."""

OWN_PAUSE = "spec.paused of its own settings, for the queue has no settings record"
"""Why a worker claims nothing that nobody has paused in Redis."""


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue at one moment."""

    name: str
    counts: Counts
    workers: Sequence[WorkerInfo]
    """Those that are alive."""
    is_configured: bool

    def unserved(self) -> dict[str, int]:
        """Return handler → ready jobs, of the handlers that no live worker has."""
        served = {name for worker in self.workers for name in handlers_of(worker)}
        return {
            name: found.depth
            for name, found in self.counts.handlers.items()
            if found.depth and name not in served
        }


def look_at(server: Server, name: str, now: datetime) -> QueueView:
    """Return one queue as it is now."""
    from flume.keys import Keys

    queue = server.client.queue(name)
    return QueueView(
        name,
        queue.counts(),
        [worker for worker in queue.workers() if is_alive(worker, now)],
        bool(server.connections.call("EXISTS", Keys(name, server.key_prefix).settings)),
    )


def look_at_all(server: Server) -> list[QueueView]:
    """Return all queues under the prefix."""
    names = server.client.queues()
    now = server.now()
    return [look_at(server, name, now) for name in names]


def is_alive(worker: WorkerInfo, now: datetime) -> bool:
    """Return whether the worker beats."""
    return (now - worker.seen).total_seconds() <= SILENT_AFTER_S


def record_of(worker: WorkerInfo) -> dict[str, Any]:
    """Return what a worker tells of itself: for people, so that anything in it may be missing."""
    return worker.record if isinstance(worker.record, dict) else {}


def holds_itself_back(worker: WorkerInfo) -> bool:
    """Return whether only settings of its own, such as its manifest's, pause the worker."""
    return bool(record_of(worker).get("paused_by_settings"))


def handlers_of(worker: WorkerInfo) -> list[str]:
    """Return the handlers a worker has."""
    names = record_of(worker).get("handlers")
    return [str(name) for name in names] if isinstance(names, list) else []


def job_fields(job: JobInfo) -> dict[str, Any]:
    """Return a job as ``--json`` prints it: names and order are part of the interface."""
    import base64

    return {
        "id": job.id,
        "queue": job.queue,
        "state": job.state.value,
        "handler": job.handler,
        "args": job.args,
        "kwargs": job.kwargs,
        "headers": job.headers,
        "attempts": job.attempts,
        "at": job.at,
        "error": job.error,
        "raw_base64": None if job.handler else base64.b64encode(job.raw).decode(),
    }


def call_of(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the arguments of a job as they would stand in a call."""
    from flume.cli.output import as_json

    parts = [as_json(value) for value in args]
    parts.extend(f"{name}={as_json(value)}" for name, value in kwargs.items())
    return ", ".join(parts)


def dead_jobs(server: Server, name: str, handler: str | None, limit: int) -> list[JobInfo]:
    """Return up to ``limit`` dead jobs, the newest first; with a handler, only its own."""
    return server.client.queue(name).dead.list(limit=limit, handler=handler)
