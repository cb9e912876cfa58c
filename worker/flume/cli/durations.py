"""Durations and moments, as people write and read them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import click

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def parse_duration(text: str) -> timedelta:
    """Return the duration that ``30s``, ``5m``, ``1h30m``, ``2d`` or ``250ms`` stands for.

    Raises:
        ValueError: If it is none of these.
    """
    compact = text.replace(" ", "")
    if not _WHOLE.fullmatch(compact):
        raise ValueError(f"{text!r} is no duration: write it like 30s, 5m, 1h30m, 2d or 250ms")
    return timedelta(
        seconds=sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(compact))
    )


def format_duration(seconds: float) -> str:
    """Return ``seconds`` in the two largest units that matter, as ``parse_duration`` reads them."""
    seconds = max(0.0, seconds)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms" if seconds >= 0.0005 else "0s"
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    for big, small in (("d", "h"), ("h", "m"), ("m", "s")):
        count, rest = divmod(whole, int(_UNITS[big]))
        if count:
            part = rest // int(_UNITS[small])
            return f"{count}{big}" + (f"{part}{small}" if part else "")
    raise AssertionError("60 seconds are a minute")


def format_moment(then: datetime, now: datetime) -> str:
    """Return when that is, seen from ``now``: ``in 5m`` or ``12s ago``."""
    away = (then - now).total_seconds()
    return f"in {format_duration(away)}" if away > 0 else f"{format_duration(-away)} ago"


def duration(text: str) -> timedelta:
    """Return a parameter such as ``1h30m``: the ``type`` of an option."""
    try:
        return parse_duration(text)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"{error}.") from error


def moment(text: str) -> datetime:
    """Return a parameter such as ``2026-01-31T09:00+01:00``: the ``type`` of an option."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is no ISO time: write it like 2026-01-31T09:00Z."
        ) from error
    if found.tzinfo is None:
        raise click.BadParameter(
            f"{text!r} has no time zone: add Z for UTC, or an offset such as +01:00."
        )
    return found
