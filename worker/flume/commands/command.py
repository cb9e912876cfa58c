"""One call of a script, as a value that can be sent, and sent again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

Argument = str | bytes | int


@dataclass(frozen=True, slots=True)
class Command(Generic[T]):
    """A script's name, its keys and arguments, and how its reply is read.

    Every script is built so that sending the same command again changes nothing more.
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
