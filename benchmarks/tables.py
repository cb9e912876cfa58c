"""Tables and the verdict of a page, in Markdown.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.figures import Figure


def figures_table(figures: Iterable[Figure]) -> str:
    """Return the figures with their lines."""
    rows = [
        (
            f"`{figure.spec.name}`",
            figure.shown,
            str(figure.spec.bound),
            "yes" if figure.is_met else "**no**",
            figure.spec.meaning,
        )
        for figure in figures
    ]
    return table(("figure", "value", "line", "met", "what it is"), rows, numbers={1, 2})


def verdict(figures: Iterable[Figure]) -> str:
    """Return which figures missed their lines."""
    missed = [figure for figure in figures if not figure.is_met]
    if not missed:
        return "Every line was met in this run."
    losses = [
        f"- `{figure.spec.name}` is {figure.shown}; its line is {figure.spec.bound}."
        for figure in missed
    ]
    return "\n".join([f"**Missed in this run: {len(missed)}.**", "", *losses])


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = ()
) -> str:
    """Return a table; the columns of ``numbers`` stand to the right."""
    right = set(numbers)
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    cells = [head, rule, *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
