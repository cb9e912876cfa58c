"""The Lua scripts: their text, put together from the files in ``flume/lua``, and its digest."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_INCLUDE = re.compile(r"^--@include (\w+)$", re.MULTILINE)
_KEY_LINE = re.compile(
    r"^-- KEYS\[\d+(?P<more>…)?\]\s+(?P<names>[\w, ]+?)\s{2,}(?P<types>[\w, ]+?)\s{2,}"
)
_TIME = "redis.call('TIME')"


@dataclass(frozen=True, slots=True)
class Script:
    """A script as the server gets it."""

    name: str
    source: str
    sha: str

    def key_types(self, count: int) -> list[tuple[str, ...]]:
        """Return which types each of ``count`` keys may have, from the header's KEYS lines."""
        types: list[tuple[str, ...]] = []
        repeated: list[tuple[str, ...]] = []
        for line in self.source.splitlines():
            found = _KEY_LINE.match(line)
            if not found:
                continue
            if " or " in found["types"]:
                allowed = [tuple(found["types"].split(" or "))]
            else:
                allowed = [(kind,) for kind in found["types"].split(", ")]
            types.extend(allowed)
            repeated = allowed if found["more"] else repeated
        while repeated and len(types) < count:
            types.extend(repeated)
        return types[:count]


def read(name: str) -> str:
    """Return the text of one file of ``flume/lua``, without its suffix: ``claim``."""
    return files("flume").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")


@cache
def script(name: str, shift_ms: int = 0) -> Script:
    """Return the script ``name``.

    Args:
        name: Its file's name without suffix.
        shift_ms: Added to the server's clock, in ms.  Only tests move time, so only their
            scripts have another text.
    """
    source = _INCLUDE.sub(lambda found: read(f"include/{found[1]}"), read(name))
    if shift_ms:
        source = source.replace(_TIME, _shifted(shift_ms))
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


def _shifted(shift_ms: int) -> str:
    """Return Lua for what TIME returns, moved."""
    return (
        f"(function() local t = {_TIME}; local us = t[2] + {shift_ms % 1000 * 1000}; "
        f"local s = t[1] + {shift_ms // 1000} + math.floor(us / 1000000); "
        "return {string.format('%.0f', s), string.format('%.0f', us % 1000000)} end)()"
    )
