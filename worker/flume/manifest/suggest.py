"""Guess what was meant by an unknown field."""

from __future__ import annotations

from difflib import get_close_matches

from flume.manifest.checks import Location
from flume.manifest.outline import outline

# A list longer than this is looked up, not read in an error message.
MOST_NAMES = 16


def suggestion(location: Location) -> str:
    """Return a hint for a field that does not exist, from those that do."""
    *above, unknown = (str(part) for part in location if isinstance(part, str))
    wanted = _plain(unknown)
    paths = [tuple(part.removesuffix("[]") for part in entry.path) for entry in outline()]
    siblings = {_plain(path[-1]): path[-1] for path in paths if list(path[:-1]) == above}
    elsewhere = [".".join(path) for path in paths if _plain(path[-1]) == wanted]
    if wanted in siblings:
        return f'did you mean "{siblings[wanted]}"?'
    if len(elsewhere) == 1:
        return f'did you mean "{elsewhere[0]}"?'
    if near := get_close_matches(wanted, siblings, n=1):
        return f'did you mean "{siblings[near[0]]}"?'
    if len(siblings) <= MOST_NAMES:
        return f"known fields: {', '.join(siblings.values())}"
    return "docs/reference/pipeline.md lists all fields"


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
