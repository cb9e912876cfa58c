"""What the demo shows while it runs: a live screen on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from picture import Film

BARS = "▁▂▃▄▅▆▇█"
CURVE_STEP = 0.25  # seconds that a bar of the curve stands for
RATE_OVER = 1.0  # seconds that jobs a second are taken over
NOTE_WIDTH = 40  # that of the longest, so that the bars keep their length
PLAIN_STEP = 1.0  # seconds between two lines where there is no terminal


@dataclass(frozen=True, slots=True)
class Lane:
    """How far one pipeline is."""

    name: str
    done: int
    total: int
    paused: tuple[datetime, str] | None = None  # since when, and why


@dataclass(frozen=True, slots=True)
class State:
    """How far the mail is, at one moment."""

    total: int = 0
    sent: int = 0
    dead: int = 0
    retrying: int = 0
    waiting: int = 0
    running: int = 0
    lanes: tuple[Lane, ...] = ()
    starts: int = 0  # in the last window of the rate limit

    @property
    def done(self) -> int:
        return self.sent + self.dead


class Pace:
    """Jobs a second: now, from the start, and how that changed."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.curve: list[float] = []
        self._seen: deque[tuple[float, int]] = deque([(self.started, 0)])

    def seconds(self) -> float:
        return time.monotonic() - self.started

    def note(self, done: int) -> None:
        """Note how many jobs have ended by now."""
        now = time.monotonic()
        self._seen.append((now, done))
        while self._seen[0][0] < now - RATE_OVER:
            self._seen.popleft()
        if len(self.curve) * CURVE_STEP <= now - self.started:
            self.curve.append(self.rate())

    def rate(self) -> float:
        """Return how many ended in the last second."""
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / max(RATE_OVER, last - first)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw as much of the curve as fits."""
        curve = self.curve[-options.max_width :]
        top = max(curve, default=0.0) or 1.0
        bars = (BARS[round(value / top * (len(BARS) - 1))] for value in curve)
        yield Text("".join(bars), style="blue", no_wrap=True)


class Screen:
    """Shows who takes part, how far they are, and what happened."""

    def __init__(self, console: Console, title: str, film: Film | None = None) -> None:
        self._film = film
        self._console = console
        self._title = title
        self._cast: dict[str, tuple[str, str]] = {}
        self._events: list[Text] = []
        self._state = State()
        self._pace = Pace()
        self._next_line = 0.0
        self._live: Live | None = None
        self.notes: dict[str, str] = {}  # what is said beside a pipeline; {starts} is filled in

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        else:
            self._console.print(self._title)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def introduce(self, name: str, about: str, mark: str = "[green]●[/]") -> None:
        """Show one who takes part, with a mark for how it is."""
        if self._live is None and name not in self._cast:
            self._console.print(f"{name:12} {escape(about)}", soft_wrap=True)
        self._cast[name] = (mark, about)
        self._draw()

    def begin(self) -> None:
        """Count time from now on."""
        self._pace = Pace()

    def seconds(self) -> float:
        """Return how long ago that was."""
        return self._pace.seconds()

    def happened(self, what: str) -> None:
        """Keep an event on the screen, with its time."""
        line = Text.from_markup(f"[dim]{self.seconds():6.1f} s[/]  {what}")
        self._events.append(line)
        if self._live is None:
            self._console.print(line, soft_wrap=True)
        self._draw()

    def update(self, state: State) -> None:
        """Show how far the mail is."""
        self._state = state
        self._pace.note(state.done)
        if self._live is None and self.seconds() >= self._next_line:
            self._next_line = self.seconds() + PLAIN_STEP
            counts = [f"{value:,} {name}" for name, value, _ in self._counts()]
            paused = [f"{lane.name} {_pause(lane)}" for lane in state.lanes if lane.paused]
            line = "  ".join([f"{self.seconds():6.1f} s", *counts, *paused])
            self._console.print(line, soft_wrap=True, markup=False)
        self._draw()

    def render(self) -> RenderableType:
        """Return the whole screen."""
        cast = Table.grid(padding=(0, 2, 0, 0))
        for name, (mark, about) in self._cast.items():
            cast.add_row(f" {mark}", f"[bold]{name}[/]", escape(about))
        parts: list[RenderableType] = [Text(f" {self._title}", style="bold"), "", cast]
        if self._state.total:
            parts += ["", self._bars(), "", self._count_line(), Padding(self._pace, (0, 1))]
        if self._events:
            parts += ["", *self._events]
        return Group(*parts)

    def _draw(self) -> None:
        if self._live is not None:
            self._live.update(self.render(), refresh=True)
        if self._film is not None:
            self._film.shoot(self.render())

    def _bars(self) -> Table:
        bars = Table.grid(padding=(0, 1), expand=True)
        for ratio in (None, None, 1, None, None):
            bars.add_column(ratio=ratio, no_wrap=True)
        for lane in self._state.lanes:
            filled = ProgressBar(
                max(1, lane.total),
                lane.done,
                complete_style="yellow" if lane.paused else "green",
                finished_style="green",
            )
            done = Text(f"{lane.done:6,} of {lane.total:,}")
            bars.add_row("", f"{lane.name:11}", filled, done, self._note(lane))
        return bars

    def _note(self, lane: Lane) -> Text:
        if lane.paused:
            return Text(f" {_pause(lane):{NOTE_WIDTH}}", style="yellow")
        note = self.notes.get(lane.name, "").format(starts=self._state.starts)
        return Text(f" {note:{NOTE_WIDTH}}", style="dim")

    def _count_line(self) -> Text:
        counts = (
            Text.assemble((f"{value:,}", style), f" {name}")
            for name, value, style in self._counts()
        )
        return Text.assemble(" ", Text("  ").join(counts))  # fits into 80 columns

    def _counts(self) -> Iterator[tuple[str, int, str]]:
        state = self._state
        yield "sent", state.sent, "green"
        yield "dead", state.dead, "red"
        if state.done < state.total:
            yield "retrying", state.retrying, "yellow"
            yield "running", state.running, "cyan"
            yield "waiting", state.waiting, ""
            yield "a second", round(self._pace.rate()), "bold"


def _pause(lane: Lane) -> str:
    if lane.paused is None:
        return ""
    since, reason = lane.paused
    return f"paused since {since.astimezone():%H:%M:%S}: {reason}"
