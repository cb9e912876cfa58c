"""The demo's terminal as a moving picture: one SVG that any browser plays, without a script.

A line of text that stays the same is drawn once, and shown for as long as it stood there.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.terminal_theme import SVG_EXPORT_THEME as THEME
from rich.text import Text

COLUMNS = 100
CELL, LINE = 8.4, 18.0  # width and height of a character, in px
LEFT, TOP = 18.0, 44.0
FRAME_SECONDS = 0.5
SPEED = 2.0  # times as fast as it was
LAST_SECONDS = 8.0  # how long the last frame stays, before it begins again

Line = tuple[tuple[int, str, str], ...]
"""Column, text and style of each piece."""

HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" xml:space="preserve"
 fill="#c9d1d9" font-size="14"
 font-family="ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', Consolas, monospace">
<title>{title}</title>
<style>text {{ white-space: pre }}</style>
<rect width="100%" height="100%" rx="8" fill="#161b22"/>
<circle cx="22" cy="20" r="6" fill="#ff5f57"/><circle cx="42" cy="20" r="6" fill="#febc2e"/>\
<circle cx="62" cy="20" r="6" fill="#28c840"/>
"""


class Film:
    """Frames of what a terminal showed."""

    def __init__(self) -> None:
        self._console = Console(
            width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor"
        )
        self._frames: list[list[Line]] = []
        self._next = 0.0

    def shoot(self, *shown: RenderableType, is_last: bool = False) -> None:
        """Add a frame, where half a second has passed since the last."""
        if is_last or time.monotonic() >= self._next:
            self._next = time.monotonic() + FRAME_SECONDS
            prompt = Text.assemble(("$ ", "green"), "make demo\n")
            self._frames.append([line for one in (prompt, *shown) for line in self._lines(one)])

    def save(self, path: Path, title: str) -> None:
        """Write the frames as SVG."""
        height = TOP + LINE * (max(map(len, self._frames)) + 0.5)
        head = HEAD.format(width=COLUMNS * CELL + 2 * LEFT, height=height, title=escape(title))
        path.write_text("\n".join([head, *self._texts(), "</svg>\n"]), encoding="utf-8")

    def _texts(self) -> Iterator[str]:
        """Yield each different line of the film, with the times at which it is seen."""
        ends = [FRAME_SECONDS / SPEED * (number + 1) for number in range(len(self._frames))]
        ends[-1] += LAST_SECONDS
        for row in range(max(map(len, self._frames))):
            column = [frame[row] if row < len(frame) else () for frame in self._frames]
            for line in dict.fromkeys(column):
                if line:
                    seen = [other == line for other in column]
                    yield _element(row, line, seen, [0.0, *ends])

    def _lines(self, shown: RenderableType) -> Iterator[Line]:
        for segments in self._console.render_lines(shown, pad=False):
            yield tuple(_pieces(segments))


def _pieces(segments: Iterable[Segment]) -> Iterator[tuple[int, str, str]]:
    column = 0
    for segment in Segment.simplify(segments):
        text = segment.text.strip()
        if text:
            indent = len(segment.text) - len(segment.text.lstrip())
            yield column + indent, text, _style(segment)
        column += segment.cell_length


def _style(segment: Segment) -> str:
    found, style = "", segment.style
    if style and style.color and not style.color.is_default:
        found += f' fill="{style.color.get_truecolor(THEME).hex}"'
    if style and style.bold:
        found += ' font-weight="bold"'
    if style and style.dim:
        found += ' opacity=".6"'
    return found


def _element(row: int, line: Line, seen: list[bool], times: list[float]) -> str:
    y = TOP + LINE * row + 14
    texts = "".join(
        f'<text x="{LEFT + CELL * column:.1f}" y="{y:g}" '
        f'textLength="{CELL * len(text):.1f}"{style}>{escape(text)}</text>'
        for column, text, style in line
    )
    if all(seen):
        return texts
    changes = [0, *(number for number in range(1, len(seen)) if seen[number] != seen[number - 1])]
    values = ";".join("visible" if seen[number] else "hidden" for number in changes)
    shares = ";".join(f"{times[number] / times[-1]:.4f}" for number in changes)
    start = "visible" if seen[-1] else "hidden"  # what is shown where nothing moves
    return (
        f'<g visibility="{start}"><animate attributeName="visibility" calcMode="discrete" '
        f'dur="{times[-1]:.2f}s" repeatCount="indefinite" values="{values}" keyTimes="{shares}"/>'
        f"{texts}</g>"
    )
