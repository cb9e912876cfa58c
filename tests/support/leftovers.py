"""Which keys may be there, and which of them only while a queue holds jobs."""

from __future__ import annotations

import re
from collections.abc import Iterable

import flume.keys

_DOCUMENTED = re.compile(r"^``flume:(?:\{[\w:]+\}:)?([a-z_]+(?::NAME)?)``", re.MULTILINE)
_KEY = re.compile(r".+?:\{[^}]+\}:([a-z_]+)(:.*)?|.+:(queues|paused)")

LASTING = {
    "callers",
    "clock",
    "handlers",
    "pause",
    "paused",
    "pauses",
    "queues",
    "ring",
    "senders",
    "settings",
    "stats",
    "wake",
    "workers",
}
"""What a queue keeps when its last job is gone."""


def documented() -> set[str]:
    """Return the names of all keys in the table of ``flume.keys``: ``jobs``, ``ready``, …"""
    names = set(_DOCUMENTED.findall(flume.keys.__doc__ or ""))
    return {name.removesuffix(":NAME") for name in names}


def undocumented(keys: Iterable[str]) -> list[str]:
    """Return the keys that the table does not list."""
    names = documented()
    return sorted(key for key in keys if _name(key) not in names)


def waiting(keys: Iterable[str]) -> list[str]:
    """Return the keys that belong to jobs."""
    return sorted(key for key in keys if _name(key) not in LASTING)


def _name(key: str) -> str:
    found = _KEY.fullmatch(key)
    return (found[1] or found[3]) if found else key
