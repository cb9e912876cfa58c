"""One call of a script, as a value that can be sent, and sent again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")

Argument = str | bytes | int


class Command(msgspec.Struct, Generic[T], frozen=True, eq=False):
    """A script's name, its keys and arguments, and how its reply is read.

    Every script is built so that sending the same command again changes nothing more.
    A struct, because a frozen dataclass takes six times as long to make.
    """

    script: str
    keys: Sequence[str]
    args: Sequence[Argument]
    read: Callable[[Any], T]


def texts(reply: Sequence[bytes]) -> list[str]:
    """Return a reply's strings; bytes that are no UTF-8 are shown escaped."""
    return [text(item) for item in reply]


def text(value: bytes | str) -> str:
    """Return one string of a reply."""
    return value if isinstance(value, str) else value.decode(errors="backslashreplace")


def number(value: Any) -> int:
    """Return a reply's integer, which scripts may give as a string."""
    return int(float(value)) if isinstance(value, bytes) else int(value)


def moment(ms: float) -> datetime | None:
    """Return the time that a number of Redis stands for; None where it can be none."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # a number that is not ours
        return None
