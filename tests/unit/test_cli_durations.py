"""Durations and moments are read as they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flume.cli.durations import duration, format_duration, format_moment, moment, parse_duration

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("1h 30m", 5400),
        ("1m500ms", 60.5),
        ("0s", 0),
    ],
)
def test_a_duration_is_the_sum_of_its_parts(text: str, seconds: float) -> None:
    """These are the spellings that the reference documents."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5 minutes", "-5m", "5m!", "1e3s", "٣s x"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    """A bare number could be seconds or milliseconds, so it is not guessed."""
    with pytest.raises(ValueError, match="write it like 30s"):
        parse_duration(text)


def test_a_duration_too_long_for_the_calendar_is_a_usage_error() -> None:
    """An overflow inside Python must not become a traceback."""
    with pytest.raises(click.BadParameter):
        duration("999999999999d")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-3, "0s"),
        (0.0123, "12ms"),
        (0.9999, "1s"),
        (3.26, "3.3s"),
        (9.97, "10s"),
        (59.7, "1m"),
        (61, "1m1s"),
        (3600, "1h"),
        (5430, "1h30m"),
        (90_000, "1d1h"),
    ],
)
def test_a_duration_is_shown_in_its_two_largest_units(seconds: float, text: str) -> None:
    """A table has room for two units, and nobody needs the third."""
    assert format_duration(seconds) == text


@given(st.floats(min_value=0.001, max_value=10**8))
def test_a_shown_duration_can_be_typed_again(seconds: float) -> None:
    """What one command prints is a parameter of another, within what rounding costs."""
    shown = parse_duration(format_duration(seconds)).total_seconds()

    assert shown == pytest.approx(seconds, rel=0.05, abs=0.0006)


def test_a_moment_is_told_from_now() -> None:
    """A due time lies ahead, a death behind."""
    assert format_moment(NOW + timedelta(minutes=5), NOW) == "in 5m"
    assert format_moment(NOW - timedelta(seconds=12), NOW) == "12s ago"


@pytest.mark.parametrize("text", ["2026-01-31T12:00Z", "2026-01-31T13:00+01:00"])
def test_a_moment_is_read_with_its_zone(text: str) -> None:
    """Both spellings name the same moment."""
    assert moment(text) == NOW


@pytest.mark.parametrize(
    ("text", "advice"), [("2026-01-31T12:00", "add Z for UTC"), ("tomorrow", "no ISO time")]
)
def test_a_moment_without_zone_is_refused(text: str, advice: str) -> None:
    """It would be another moment on each machine."""
    with pytest.raises(click.BadParameter, match=advice):
        moment(text)
