"""``flume workers``: who works, on what, and who went silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from flume.cli.durations import format_duration
from flume.cli.looking import handlers_of, holds_itself_back, is_alive, record_of
from flume.cli.output import Cell, Column, show_json, show_table
from flume.cli.server import Server, json_option, pass_server, server_options
from flume.commands.command import moment

if TYPE_CHECKING:
    from datetime import datetime

    from flume.operations import WorkerInfo

COLUMNS = (
    Column("queue", style="bold"),
    Column("worker"),
    Column("state"),
    Column("running", right=True),
    Column("held", right=True, drop=1),
    Column("demand", right=True, drop=2),
    Column("settings", right=True, drop=5),
    Column("up", right=True, drop=4),
    Column("version", drop=3),
    Column("handlers", is_cut=True),
)


@click.command("workers")
@click.argument("queue", required=False)
@json_option
@server_options
@pass_server
def workers(server: Server, /, *, queue: str | None, as_json: bool) -> None:
    """List the workers of QUEUE, or of all queues.

    A worker that left in order is not listed; one that has not been heard of for 3 seconds is
    silent, and others take its jobs when their leases end.  Settings is the generation of the
    settings record that it obeys.
    """
    names = [queue] if queue else server.client.queues()
    found = [(name, w) for name in names for w in server.client.queue(name).workers()]
    now = server.now()
    if as_json:
        show_json(fields(name, worker, now) for name, worker in found)
        return
    where = f"of {queue}" if queue else f"under the key prefix {server.key_prefix}"
    rows = [row(name, worker, now) for name, worker in found]
    show_table(COLUMNS, rows, empty=f"There are no workers {where}.")


def row(queue: str, worker: WorkerInfo, now: datetime) -> list[str | int | Cell]:
    """Return a worker's cells."""
    record = record_of(worker)
    started = _seconds(record.get("started"))
    return [
        queue,
        worker.id,
        _state(worker, now),
        _text(record.get("running")),
        _text(record.get("held")),
        _text(record.get("max_demand")),
        generation_of(record),
        format_duration((now - started).total_seconds()) if started else "-",
        _text(record.get("version")),
        ", ".join(handlers_of(worker)),
    ]


def fields(queue: str, worker: WorkerInfo, now: datetime) -> dict[str, Any]:
    """Return a worker as ``--json`` prints it: names and order are part of the interface."""
    record = record_of(worker)
    return {
        "queue": queue,
        "id": worker.id,
        "number": worker.number,
        "alive": is_alive(worker, now),
        "seen": worker.seen,
        "started": _seconds(record.get("started")),
        "stopping": bool(record.get("stopping")),
        "paused": bool(record.get("paused")),
        "paused_by_settings": holds_itself_back(worker),
        "host": record.get("host"),
        "pid": record.get("pid"),
        "version": record.get("version"),
        "running": record.get("running"),
        "held": record.get("held"),
        "concurrency": record.get("concurrency"),
        "max_demand": record.get("max_demand"),
        "generation": record.get("generation"),
        "flags": record.get("flags"),
        "handlers": handlers_of(worker),
    }


def generation_of(record: Mapping[str, Any]) -> Cell:
    """Return which settings a worker runs, from what it tells."""
    if record.get("awaits_settings"):
        return Cell("waits", "yellow")
    if record.get("settings_problem"):
        return Cell(f"{_text(record.get('generation') or None)} !", "red")
    return Cell(_text(record.get("generation") or None))


def _state(worker: WorkerInfo, now: datetime) -> Cell:
    if not is_alive(worker, now):
        silent = format_duration((now - worker.seen).total_seconds())
        return Cell(f"silent {silent}", "red")
    if record_of(worker).get("stopping"):
        return Cell("stopping", "yellow")
    if record_of(worker).get("paused"):
        is_own = holds_itself_back(worker)
        return Cell("paused (spec)" if is_own else "paused", "magenta")
    return Cell("live", "green")


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "-" if value is None else str(value)


def _seconds(value: object) -> datetime | None:
    return moment(value * 1000) if isinstance(value, int | float) else None
