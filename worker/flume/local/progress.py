"""What ``flume dev`` shows: one live line for each pipeline on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from flume.events import JobBuried, JobRetried, bus
from flume.logs import TextFormatter
from flume.origin import place_of
from flume.runtime.worker import Worker
from flume.sync_client import Client

REFRESH = 4
"""Looks a second: what an eye follows, and no load."""
ERROR_CHARACTERS = 500
"""Of an error's text: some hold a whole page."""


class ConsoleHandler(logging.Handler):
    """Prints log lines above the live table."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self.setFormatter(TextFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        style = (
            "red" if record.levelno >= logging.ERROR else "yellow" if record.levelno >= 30 else ""
        )
        self._console.print(Text(self.format(record), style=style), soft_wrap=True)


class Progress:
    """The live table.

    Args:
        url: Of Redis; counts come from there, so that all workers' jobs show.
        prefix: Start of all keys.
        console: Where it is shown.
    """

    def __init__(self, url: str, prefix: str, console: Console) -> None:
        self._client = Client(url, prefix=prefix, timeout=1.0)
        self._workers: Sequence[Worker] = ()
        self._before: dict[str, tuple[float, int]] = {}
        self._last: Table = Table()
        self.live = Live(
            console=console, get_renderable=self._table, refresh_per_second=REFRESH, transient=False
        )

    def follow(self, workers: Sequence[Worker]) -> None:
        """Show these workers' queues."""
        self._workers = workers

    def close(self) -> None:
        """Show the last counts and stop."""
        self.live.stop()
        self._client.close()

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for column in ("pipeline", "jobs/s", "ready", "running", "retrying", "scheduled"):
            table.add_column(column, justify="left" if column == "pipeline" else "right")
        table.add_column("completed", justify="right", style="green")
        table.add_column("dead", justify="right", style="red")
        for worker in self._workers:
            queue = worker.keys.queue
            try:
                counts = self._client.queue(queue).counts()
            except Exception:  # the server has gone; the worker says so
                return self._last
            completed = counts.totals.get("completed", 0)
            table.add_row(
                worker.metrics.pipeline,
                f"{self._rate(queue, completed):,.0f}",
                f"{counts.ready:,}",
                f"{counts.running:,}",
                f"{counts.retrying:,}",
                f"{counts.scheduled:,}",
                f"{completed:,}",
                f"{counts.dead:,}",
            )
        self._last = table
        return table

    def _rate(self, queue: str, completed: int) -> float:
        now = time.monotonic()
        since, before = self._before.get(queue, (now, completed))
        if now - since >= 1.0 or queue not in self._before:
            self._before[queue] = (now, completed)
        return (completed - before) / (now - since) if now > since else 0.0


def show_errors(console: Console) -> None:
    """Print each failed run with its error, whose text a log never holds, in place of its line."""

    def show(event: JobRetried | JobBuried) -> None:
        if isinstance(event, JobRetried):
            level, style, what = "warning", "yellow", f"runs again in {event.after_s:.1f} s"
        else:
            level, style, what = "error", "red", "is dead"
        error = f"{type(event.error).__name__}: {event.error}"[:ERROR_CHARACTERS]
        where = place_of(event.error)
        text = Text.assemble(
            f"{datetime.now().astimezone():%H:%M:%S} {level:7} ",
            (f"{event.handler} {what}: {error}", style),
            (f" ({where}{', ' if where else ''}attempt {event.attempt}, {event.job_id})", "dim"),
        )
        console.print(text, soft_wrap=True)

    bus.subscribe(JobRetried, show)
    bus.subscribe(JobBuried, show)
    for output in logging.getLogger().handlers:
        output.addFilter(_is_not_shown_yet)


def _is_not_shown_yet(record: logging.LogRecord) -> bool:
    return record.getMessage() not in {"job_retried", "job_buried"}
