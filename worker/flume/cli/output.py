"""What commands print: tables for people, aligned text for pipes, JSON lines for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

PLAIN_WIDTH = 200
"""Characters of a column that is cut to the width, where there is no terminal to have one."""

LEAST_CUT = 20
"""Characters that a column which is cut has at least, before others are left out."""
GAP = 2
"""Spaces between columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str
    right: bool = False
    """Numbers stand to the right."""
    is_cut: bool = False
    """It takes the width that is left and is cut to it."""
    style: str = ""
    drop: int = 0
    """In a narrow window columns are left out, the highest number first; 0 always stays."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a colour, where there are colours."""

    text: str
    style: str = ""


Row = Sequence[str | int | Cell]


def on_terminal() -> bool:
    """Return whether a person looks at standard output."""
    return sys.stdout.isatty()


def show_json(items: Iterable[object]) -> None:
    """Print one JSON object a line."""
    import msgspec

    for item in items:
        click.echo(msgspec.json.encode(item).decode())


def show_table(columns: Sequence[Column], rows: Sequence[Row], *, empty: str) -> None:
    """Print a table, or say on standard error that it would be empty."""
    if not rows:
        click.echo(empty, err=True)
    elif on_terminal():
        from rich.console import Console

        console = Console()
        console.print(rich_table(columns, rows, width=console.width))
    else:
        for line in plain_lines(columns, rows):
            click.echo(line)


def rich_table(columns: Sequence[Column], rows: Sequence[Row], *, width: int) -> Table:
    """Return the table with colours, and with those columns that fit."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    kept = fitting(columns, [[_cell(item).text for item in row] for row in rows], width)
    for index in kept:
        column = columns[index]
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            style=column.style,
            no_wrap=True,
            overflow="ellipsis",
            ratio=1 if column.is_cut else None,
            min_width=None if column.is_cut else len(column.title),
        )
    table.expand = any(columns[index].is_cut for index in kept)
    for row in rows:
        cells = [_cell(row[index]) for index in kept]
        table.add_row(*(Text(printable(cell.text), style=cell.style) for cell in cells))
    return table


def fitting(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the indices of the columns to show in a window of this width."""
    needs = [
        LEAST_CUT if column.is_cut else max(len(cell) for cell in (column.title, *cells))
        for column, *cells in zip(columns, *rows, strict=True)
    ]
    kept = list(range(len(columns)))
    for index in sorted(kept, key=lambda i: -columns[i].drop):
        if not columns[index].drop or sum(needs[i] + GAP for i in kept) - GAP <= width:
            break
        kept.remove(index)
    return kept


def plain_lines(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    """Return the table's lines, aligned with spaces."""
    texts = [[column.title.upper() for column in columns]]
    for row in rows:
        cells = [printable(_cell(item).text) for item in row]
        texts.append(
            [
                shortened(cell, PLAIN_WIDTH) if column.is_cut else cell
                for column, cell in zip(columns, cells, strict=True)
            ]
        )
    widths = [max(len(line[i]) for line in texts) for i in range(len(columns))]
    lines = []
    for line in texts:
        parts = [
            text.rjust(width) if column.right else text.ljust(width)
            for column, text, width in zip(columns, line, widths, strict=True)
        ]
        lines.append((" " * GAP).join(parts).rstrip())
    return lines


def printable(text: str) -> str:
    """Return ``text`` with control characters escaped: what comes from Redis must not move the
    cursor, ring the bell or break a line.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, width: int) -> str:
    """Return ``text``, cut to ``width`` characters."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def plural(count: int, noun: str) -> str:
    """Return ``1 job``, ``2 jobs``, ``1,200 jobs``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def note(sentence: str) -> None:
    """Say something beside the result, on standard error."""
    mark = click.style("note:", fg="yellow") if sys.stderr.isatty() else "note:"
    click.echo(f"{mark} {printable(sentence)}", err=True)


def _cell(item: str | int | Cell) -> Cell:
    if isinstance(item, Cell):
        return item
    return Cell(f"{item:,}" if isinstance(item, int) else item)


def as_json(value: Any) -> str:
    """Return ``value`` as compact JSON."""
    import msgspec

    return msgspec.json.encode(value).decode()
