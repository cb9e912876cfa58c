"""Reads the contract at the head of a Lua script."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(
    r"-- (?P<kind>KEYS|ARGV)\[(?P<place>\d+)(?P<repeats>…)?\]\s+"
    r"(?P<names>\w+(?:, [\w ]+?)*)(?:\s{2,}(?P<rest>.*)|$)"
)


@dataclass(frozen=True)
class Entry:
    """One line of a header, or one of the names where a line repeats."""

    name: str
    types: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Part:
    """The KEYS or the ARGV of a header: what comes once, and what repeats after that."""

    fixed: tuple[Entry, ...]
    repeated: tuple[Entry, ...]
    places: tuple[int, ...]
    """The numbers in brackets."""

    def entries(self, count: int) -> list[Entry]:
        """Return what each of ``count`` values is."""
        entries = [*self.fixed]
        while self.repeated and len(entries) < count:
            entries.extend(self.repeated)
        return entries


def header(source: str) -> str:
    """Return the comment lines at the head of a script."""
    lines = []
    for line in source.splitlines():
        if not line.startswith("--") or line.startswith("--@"):
            break
        lines.append(line)
    return "\n".join(lines)


def part(source: str, kind: str) -> Part:
    """Return the ``KEYS`` or the ``ARGV`` of a script."""
    fixed: list[Entry] = []
    repeated: list[Entry] = []
    places: list[int] = []
    for line in header(source).splitlines():
        found = _LINE.fullmatch(line)
        if found is None or found["kind"] != kind:
            continue
        places.append(int(found["place"]))
        names = found["names"].split(", ")
        types, _, text = (found["rest"] or "").partition("  ")
        alternatives = _types(types, len(names)) if kind == "KEYS" else [()] * len(names)
        target = repeated if found["repeats"] else fixed
        for name, allowed in zip(names, alternatives, strict=True):
            target.append(Entry(name, allowed, text.strip()))
    return Part(tuple(fixed), tuple(repeated), tuple(places))


def _types(text: str, count: int) -> list[tuple[str, ...]]:
    if " or " in text:
        return [tuple(text.split(" or "))] * count
    return [(kind,) for kind in text.split(", ")]
