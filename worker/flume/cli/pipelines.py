"""``flume pipelines``: which queues are paused, by whom and until when, and who works on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import click

from flume.cli.durations import format_moment
from flume.cli.looking import OWN_PAUSE, QueueView, holds_itself_back, look_at_all
from flume.cli.output import Cell, Column, show_json, show_table
from flume.cli.server import Server, json_option, pass_server, server_options

if TYPE_CHECKING:
    from flume.pausing import PauseInfo

COLUMNS = (
    Column("queue", style="bold"),
    Column("state"),
    Column("workers", right=True, drop=1),
    Column("ready", right=True),
    Column("running", right=True),
    Column("owner", drop=3),
    Column("paused by"),
    Column("who", drop=2),
    Column("since"),
    Column("until"),
    Column("reason", is_cut=True),
)


@dataclass(frozen=True, slots=True)
class PipelineView:
    """A queue, who has configured it, and what pauses it."""

    queue: QueueView
    owner: str
    """Empty where nobody has."""
    pauses: list[PauseInfo]

    @property
    def is_paused(self) -> bool:
        """Nobody claims, also who comes later."""
        return any(info.worker is None for info in self.pauses)

    @property
    def held_back(self) -> list[str]:
        """Ids of live workers that only settings of their own keep from claiming."""
        return [worker.id for worker in self.queue.workers if holds_itself_back(worker)]


@click.command("pipelines")
@json_option
@server_options
@pass_server
def pipelines(server: Server, /, *, as_json: bool) -> None:
    """List the queues with who works on them, and who paused them, since when, why, until when.

    A queue that several sources pause has a line for each: it is resumed once all are gone.
    """
    found = [_look(server, view) for view in look_at_all(server)]
    if as_json:
        show_json(_fields(view) for view in found)
        return
    now = server.now()
    rows = [row for view in found for row in _rows(view, now)]
    show_table(
        COLUMNS, rows, empty=f"There are no queues under the key prefix {server.key_prefix}."
    )


def _look(server: Server, view: QueueView) -> PipelineView:
    from flume.commands.command import text
    from flume.keys import Keys

    owner = server.connections.call("HGET", Keys(view.name, server.key_prefix).settings, "owner")
    pauses = server.client.queue(view.name).pauses()
    return PipelineView(view, text(owner) if owner else "", pauses)


def _rows(view: PipelineView, now: datetime) -> list[list[str | int | Cell]]:
    counts = view.queue.counts
    first: list[str | int | Cell] = [
        view.queue.name,
        _state(view),
        len(view.queue.workers),
        counts.ready,
        Cell(f"{counts.running:,}", "green" if counts.running else ""),
        view.owner or "-",
    ]
    pauses = [_pause_cells(info, now) for info in view.pauses]
    pauses += [_own_cells(worker_id) for worker_id in view.held_back]
    pauses = pauses or [["-", "-", "-", "-", "-"]]
    rest: list[str | int | Cell] = [""] * len(first)
    return [[*(rest if place else first), *cells] for place, cells in enumerate(pauses)]


def _state(view: PipelineView) -> Cell:
    if view.is_paused:
        return Cell("paused", "magenta")
    if not view.queue.workers:
        return Cell("no worker", "yellow")
    is_part_paused = view.pauses or view.held_back
    return Cell("part paused", "magenta") if is_part_paused else Cell("live", "green")


def _pause_cells(info: PauseInfo, now: datetime) -> list[str | int | Cell]:
    since = format_moment(info.since, now) if info.since else "?"
    until = format_moment(info.until, now) if info.until else "resumed"
    return [Cell(info.source, "magenta"), info.by or "?", since, until, info.reason or "-"]


def _own_cells(worker_id: str) -> list[str | int | Cell]:
    return [Cell("spec", "magenta"), worker_id, "?", "?", OWN_PAUSE]


def _fields(view: PipelineView) -> dict[str, object]:
    """Return a queue as ``--json`` prints it: names and order are part of the interface."""
    return {
        "queue": view.queue.name,
        "configured": view.queue.is_configured,
        "owner": view.owner or None,
        "workers": len(view.queue.workers),
        "ready": view.queue.counts.ready,
        "running": view.queue.counts.running,
        "paused": view.is_paused,
        "pauses": [
            {
                "source": info.source,
                "worker": info.worker,
                "by": info.by or None,
                "since": info.since,
                "until": info.until,
                "reason": info.reason or None,
            }
            for info in view.pauses
        ]
        + [
            {
                "source": "spec",
                "worker": worker_id,
                "by": None,
                "since": None,
                "until": None,
                "reason": OWN_PAUSE,
            }
            for worker_id in view.held_back
        ],
    }
