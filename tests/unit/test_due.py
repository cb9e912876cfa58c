"""When scheduled jobs become ready: never before their time, in whatever zone it is given."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flume.errors import ScheduleError
from flume.sending import LATEST, Due


@pytest.mark.parametrize(
    ("wait", "ms"),
    [
        (timedelta(0), 0),
        (timedelta(microseconds=1), 1),
        (timedelta(microseconds=1500), 2),
        (timedelta(seconds=1), 1000),
        (timedelta(milliseconds=1, microseconds=1), 2),
        (LATEST, LATEST // timedelta(milliseconds=1)),
    ],
)
def test_a_wait_is_rounded_up_to_a_millisecond(wait: timedelta, ms: int) -> None:
    """A job runs at or after its time, never before."""
    assert Due.after(wait) == Due(wait_ms=ms)


@pytest.mark.parametrize("wait", [timedelta(microseconds=-1), LATEST + timedelta(microseconds=1)])
def test_a_wait_out_of_range_is_refused(wait: timedelta) -> None:
    """A negative one is a slip of signs, ten years one of units."""
    with pytest.raises(ScheduleError, match="Nothing was enqueued"):
        Due.after(wait)


@given(st.integers(0, 2 * 10**15), st.integers(-14 * 60, 14 * 60))
def test_a_time_is_the_first_millisecond_that_is_not_before_it(micros: int, minutes: int) -> None:
    """In whatever time zone it is given."""
    zone = timezone(timedelta(minutes=minutes))
    moment = (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)).astimezone(zone)
    at_ms = Due.when(moment).at_ms

    assert at_ms is not None
    at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)
    assert timedelta(0) <= at - moment < timedelta(milliseconds=1)


def test_a_time_in_a_named_zone_follows_its_daylight_saving() -> None:
    """The wall clock of Berlin is an hour apart in these two."""
    berlin = ZoneInfo("Europe/Berlin")
    summer = Due.when(datetime(2030, 7, 1, 12, tzinfo=berlin)).at_ms
    utc = Due.when(datetime(2030, 7, 1, 10, tzinfo=UTC)).at_ms
    repeated = [
        Due.when(datetime(2030, 10, 27, 2, 30, tzinfo=berlin, fold=fold)).at_ms or 0
        for fold in (0, 1)
    ]

    assert summer == utc
    assert repeated[1] - repeated[0] == 3_600_000


def test_a_time_that_has_passed_is_due_at_once() -> None:
    """Also one before 1970, which Redis would order wrongly as a negative number."""
    assert Due.when(datetime(1960, 1, 1, tzinfo=UTC)).at_ms == 0
    assert Due.when(datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))).at_ms == 0


def test_a_time_without_a_zone_is_refused() -> None:
    """It would be a different moment on each machine."""
    with pytest.raises(ScheduleError, match="2030-01-01T00:00:00 has no time zone"):
        Due.when(datetime(2030, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "moment",
    [
        datetime.now(UTC) + LATEST + timedelta(days=1),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=14))),
    ],
    ids=["ten years", "the end of time"],
)
def test_a_time_far_away_is_refused(moment: datetime) -> None:
    """Milliseconds taken for seconds would keep a job for ever."""
    with pytest.raises(ScheduleError, match="3660 days away"):
        Due.when(moment)
