"""Read the tables of the reference pages."""

from __future__ import annotations

import re

from tests.support.processes import REPOSITORY

REFERENCE = REPOSITORY / "docs" / "reference"

Row = dict[str, str]


def rows(page: str, first: str, *, below: str = "") -> list[Row]:
    """Return the rows of all tables whose first column is ``first``, by column.

    Args:
        page: Name of the page, without its ending.
        first: Title of the first column.
        below: Only tables under this heading.
    """
    text = (REFERENCE / f"{page}.md").read_text(encoding="utf-8")
    if below:
        text = re.split(
            r"^## ", text.partition(f"## {below}\n")[2], maxsplit=1, flags=re.MULTILINE
        )[0]
    found: list[Row] = []
    titles: list[str] | None = None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            titles = None
        elif titles is None:
            titles = cells
        elif titles[0] == first and not set(cells[0]) <= set("-: "):
            found.append(dict(zip(titles, cells, strict=True)))
    assert found, f"{page}.md has no table of {first}"
    return found


def names(cell: str) -> list[str]:
    """Return what a cell has between backticks outside parentheses."""
    return re.findall(r"`([^`]+)`", re.sub(r"\([^)]*\)", "", cell))
