"""``flume top``: the queues, live, with jobs a second."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from flume.cli.durations import duration
from flume.cli.looking import QueueView, look_at_all
from flume.cli.output import Cell, Column, on_terminal, plural, rich_table, show_json, show_table
from flume.cli.queues import COLUMNS as COUNTS
from flume.cli.queues import fields, row
from flume.cli.sampling import Rates, Sampler, chart, per_second
from flume.cli.server import Server, json_option, pass_server, server_options
from flume.errors import ServerUnavailableError

if TYPE_CHECKING:
    from rich.console import RenderableType

COLUMNS = (
    *COUNTS[:-2],
    Column("in/s", right=True),
    Column("done/s", right=True),
    Column("retried/s", right=True, drop=4),
    Column("dead/s", right=True, drop=3),
    *COUNTS[-2:],
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What one refresh shows."""

    views: Sequence[QueueView]
    rates: Mapping[str, Rates]


@click.command("top")
@click.option("--once", is_flag=True, help="Print once, after one interval, and end.")
@click.option(
    "--interval",
    type=duration,
    default="1s",
    show_default=True,
    metavar="DURATION",
    help="Time between two refreshes, over which rates are taken.",
)
@json_option
@server_options
@pass_server
def top(server: Server, /, *, once: bool, interval: timedelta, as_json: bool) -> None:
    """Watch the queues, with jobs a second, until Ctrl-C.

    Where output is no terminal, or with --json, it prints once and ends.
    """
    seconds = interval.total_seconds()
    if not 0.1 <= seconds <= 3600:
        raise click.UsageError("--interval is 100ms to 1h")
    sampler = Sampler()
    _read(server, sampler)
    if not once and not as_json and on_terminal():
        _watch(server, sampler, seconds)
        return
    time.sleep(seconds)
    frame = _read(server, sampler)
    if as_json:
        show_json(_fields(view, frame.rates[view.name]) for view in frame.views)
        return
    empty = f"There are no queues under the key prefix {server.key_prefix}."
    show_table(COLUMNS, _rows(frame), empty=empty)


def _read(server: Server, sampler: Sampler) -> Frame:
    views = look_at_all(server)
    totals = {view.name: view.counts.totals for view in views}
    return Frame(views, sampler.add(time.monotonic(), totals))


def _watch(server: Server, sampler: Sampler, seconds: float) -> None:
    """Show a frame after each interval; Redis may go away and come back meanwhile."""
    from rich.console import Console
    from rich.live import Live

    console = Console()
    frame, problem = _read(server, sampler), ""
    screen = Live(console=console, screen=True, auto_refresh=False)
    try:
        with screen:
            while True:
                shown = _screen(server, frame, sampler, problem, console.size)
                screen.update(shown, refresh=True)
                time.sleep(seconds)
                try:
                    frame, problem = _read(server, sampler), ""
                except ServerUnavailableError as error:
                    problem = str(error)
    except KeyboardInterrupt:  # the ordinary way out
        pass
    console.print(_screen(server, frame, sampler, problem, (console.width, 0)))


def _screen(
    server: Server, frame: Frame, sampler: Sampler, problem: str, size: tuple[int, int]
) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    width, height = size
    all_rates = sum(frame.rates.values(), Rates())
    workers = sum(len(view.workers) for view in frame.views)
    title = Text.assemble(
        ("flume top", "bold"),
        (f"  {server.connections.where}  prefix {server.key_prefix}  ", "dim"),
        f"{plural(len(frame.views), 'queue')}, {plural(workers, 'worker')}",
    )
    summary = Text.assemble(
        (f"{per_second(all_rates.done):>7}/s done ", "bold green"),
        f" {per_second(all_rates.handed_in):>7}/s in",
        f" {per_second(all_rates.retried):>7}/s retried",
        f" {per_second(all_rates.buried):>7}/s dead  ",
        (chart(sampler.done), "green"),
    )
    lines: list[RenderableType] = [title, summary]
    if problem:
        lines.append(Text(problem, style="bold red"))
    rows = _rows(frame)
    lines.append("")
    room = max(1, height - len(lines) - 2) if height else len(rows)  # the head, and what is left
    lines.append(rich_table(COLUMNS, rows[:room], width=width))
    if len(rows) > room:
        lines.append(Text(f"{len(rows) - room} more queues: make the window higher", style="dim"))
    return Group(*lines)


def _rows(frame: Frame) -> list[list[str | int | Cell]]:
    rows = []
    for view in frame.views:
        cells = row(view)
        found = frame.rates.get(view.name, Rates())
        cells[-2:-2] = [
            per_second(found.handed_in),
            Cell(per_second(found.done), "bold green" if found.done else ""),
            Cell(per_second(found.retried), "yellow" if found.retried else ""),
            Cell(per_second(found.buried), "red" if found.buried else ""),
        ]
        rows.append(cells)
    return rows


def _fields(view: QueueView, found: Rates) -> dict[str, object]:
    return {
        **fields(view),
        "in_per_s": found.handed_in,
        "done_per_s": found.done,
        "retried_per_s": found.retried,
        "dead_per_s": found.buried,
    }
