"""``flume queues``: every queue with its counts."""

from __future__ import annotations

import click

from flume.cli.durations import format_duration
from flume.cli.looking import QueueView, handlers_of, look_at_all, record_of
from flume.cli.output import Cell, Column, note, plural, show_json, show_table
from flume.cli.server import Server, json_option, pass_server, server_options

COLUMNS = (
    Column("queue", style="bold"),
    Column("ready", right=True),
    Column("running", right=True),
    Column("retrying", right=True),
    Column("scheduled", right=True, drop=1),
    Column("dead", right=True),
    Column("latency", right=True),
    Column("workers", right=True, drop=2),
    Column("state", is_cut=True),
)


@click.command("queues")
@json_option
@server_options
@pass_server
def queues(server: Server, /, *, as_json: bool) -> None:
    """List the queues with their counts.

    Latency is how long the oldest ready job has waited.  A queue that is not configured has no
    settings: no pipeline was started for it, or its name is mistyped where jobs are enqueued.
    """
    found = look_at_all(server)
    if as_json:
        show_json(fields(view) for view in found)
        return
    empty = f"There are no queues under the key prefix {server.key_prefix}."
    show_table(COLUMNS, [row(view) for view in found], empty=empty)
    for view in found:
        for handler, depth in view.unserved().items() if view.workers else ():
            note(f"no live worker of {view.name} knows {handler}: {plural(depth, 'job')} held up.")


def row(view: QueueView) -> list[str | int | Cell]:
    """Return a queue's cells."""
    counts = view.counts
    return [
        view.name,
        counts.ready,
        Cell(f"{counts.running:,}", "green" if counts.running else ""),
        Cell(f"{counts.retrying:,}", "yellow" if counts.retrying else ""),
        counts.scheduled,
        Cell(f"{counts.dead:,}", "red" if counts.dead else ""),
        format_duration(counts.latency_s) if counts.ready else "-",
        len(view.workers),
        state(view),
    ]


def state(view: QueueView) -> Cell:
    """Return what is worth knowing about a queue, in a word or two."""
    words = []
    if view.counts.is_paused:
        words.append("paused")
    elif paused_workers(view):
        words.append("part paused")
    if not view.workers:
        words.append("no worker")
    if not view.is_configured:
        words.append("not configured")
    is_paused = view.counts.is_paused or paused_workers(view)
    return Cell(", ".join(words), "magenta" if is_paused else "yellow")


def paused_workers(view: QueueView) -> int:
    """Return how many of the live workers say that they are paused."""
    return sum(bool(record_of(worker).get("paused")) for worker in view.workers)


def fields(view: QueueView) -> dict[str, object]:
    """Return a queue as ``--json`` prints it: names and order are part of the interface."""
    counts = view.counts
    served: dict[str, int] = dict.fromkeys(counts.handlers, 0)
    for worker in view.workers:
        for name in handlers_of(worker):
            if name in served:
                served[name] += 1
    return {
        "queue": view.name,
        "ready": counts.ready,
        "running": counts.running,
        "retrying": counts.retrying,
        "scheduled": counts.scheduled,
        "dead": counts.dead,
        "latency_s": counts.latency_s,
        "workers": len(view.workers),
        "paused": counts.is_paused,
        "paused_workers": paused_workers(view),
        "configured": view.is_configured,
        "handlers": [
            {
                "handler": name,
                "ready": found.depth,
                "latency_s": found.latency_s,
                "workers": served[name],
            }
            for name, found in counts.handlers.items()
        ],
        "totals": counts.totals,
    }
