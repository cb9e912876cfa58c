"""Jobs from JSON lines: what ``flume enqueue --from-file`` reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from flume.cli.exits import CommandEndedError, Exit
from flume.errors import FlumeError
from flume.handler import Ref, ref
from flume.job import Job


@dataclass(frozen=True, slots=True)
class Call:
    """A handler with options, and its arguments."""

    ref: Ref
    args: list[Any]
    kwargs: dict[str, Any]

    def job(self) -> Job:
        """Return a new job for it."""
        return self.ref.job(*self.args, **self.kwargs)


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """One line: a job.  A line may also be an array, which is then ``args`` alone."""

    handler: str | None = None
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    headers: dict[str, str] = {}
    unique: str | None = None
    max_retries: int | None = None

    # What `flume jobs --json` and `flume dead list --json` print besides, and a new job draws anew.
    id: Any = None
    queue: Any = None
    state: Any = None
    attempts: Any = None
    at: Any = None
    error: Any = None
    raw_base64: Any = None


_decode_line = msgspec.json.Decoder(Line).decode
_decode_args = msgspec.json.Decoder(list[Any]).decode


class LineError(CommandEndedError):
    """A line is no job.  Those before it are."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"line {number:,} {what}", Exit.USAGE)
        self.number = number


def calls_of(
    lines: Iterable[bytes], handler: str | None, options: Mapping[str, Any]
) -> Iterator[tuple[int, Call]]:
    """Yield line number and call of each line that is not empty.

    Args:
        lines: JSON, one job a line.
        handler: For lines that name none.
        options: For what a line leaves open.

    Raises:
        LineError: If a line is no job.
    """
    for number, text in enumerate(lines, start=1):
        if text := text.strip():
            yield number, _call(number, _parsed(number, text), handler, options)


def _parsed(number: int, text: bytes) -> Line:
    try:
        return Line(args=_decode_args(text)) if text.startswith(b"[") else _decode_line(text)
    except msgspec.ValidationError as error:  # names fields and types, never values
        raise LineError(number, f"is no job: {error}.") from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise LineError(
            number, 'is not JSON: write a job a line, like {"args": [1], "kwargs": {"a": 2}}.'
        ) from error


def _call(number: int, line: Line, handler: str | None, options: Mapping[str, Any]) -> Call:
    name = line.handler or handler
    if name is None:
        raise LineError(number, "names no handler: add one to the line, or give HANDLER.")
    try:
        made = (
            ref(name)
            .using(**options)
            .using(max_retries=line.max_retries, headers=line.headers or None, unique=line.unique)
        )
    except FlumeError as error:
        raise LineError(number, f"cannot be enqueued: {error}") from error
    return Call(made, line.args, line.kwargs)
