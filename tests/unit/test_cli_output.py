"""Tables for people and for pipes."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from flume.cli.output import (
    PLAIN_WIDTH,
    Cell,
    Column,
    fitting,
    plain_lines,
    plural,
    printable,
    rich_table,
)

COLUMNS = (
    Column("queue"),
    Column("ready", right=True),
    Column("age", drop=1),
    Column("arguments", is_cut=True),
)
ROWS: list[list[str | int | Cell]] = [
    ["email", 12_000, "5m", Cell("[1]", "red")],
    ["reports", 3, "1h30m", "x" * 500],
]


def test_plain_lines_are_aligned_and_have_no_colours() -> None:
    """A log file has no terminal, and `cut -c` and `awk` need columns that stand still."""
    head, first, second = plain_lines(COLUMNS, ROWS)

    assert head == "QUEUE     READY  AGE    ARGUMENTS"
    assert first == "email    12,000  5m     [1]"
    assert second == f"reports       3  1h30m  {'x' * (PLAIN_WIDTH - 1)}…"


@given(st.text())
def test_nothing_that_redis_holds_moves_the_cursor(text: str) -> None:
    """A handler name or an error with escape codes could rewrite what the person sees."""
    assert printable(text).isprintable()


def test_a_table_is_cut_to_the_window() -> None:
    """A long payload must not wrap, or nobody finds the next row."""
    shown = _render(60)

    assert all(len(line) <= 60 for line in shown)
    assert shown[2].rstrip().endswith("…")


def test_a_narrow_window_loses_the_least_important_column_first() -> None:
    """Half a number is worse than none."""
    texts = [["email", "12", "5m", "x"]]

    assert fitting(COLUMNS, texts, 80) == [0, 1, 2, 3]
    assert fitting(COLUMNS, texts, 36) == [0, 1, 3]
    assert fitting(COLUMNS, texts, 5) == [0, 1, 3]


def test_markup_in_a_cell_is_text() -> None:
    """rich would read `[1]` or `[red]` in a payload as a style."""
    assert "[1]" in _render(60)[1]


@pytest.mark.parametrize(("count", "text"), [(0, "0 jobs"), (1, "1 job"), (1200, "1,200 jobs")])
def test_counts_are_told_in_words(count: int, text: str) -> None:
    """One job is not one jobs."""
    assert plural(count, "job") == text


def _render(width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(rich_table(COLUMNS, ROWS, width=width))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()
