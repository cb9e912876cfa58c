"""The rules of the Lease: when it may be taken, and that its holder has stopped by then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flume_operator.election import LONGEST_DURATION_S, LeaseRecord, LeaseTimes, Patience
from tests.support.manual_clock import ManualClock

TIMES = LeaseTimes(duration_s=10, renew_s=2.0, margin_s=3.0)
HELD = LeaseRecord("1", "other", 10)


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock()


@pytest.fixture
def patience(clock: ManualClock) -> Patience:
    """Return the patience of a process that has seen nothing yet."""
    return Patience("me", TIMES, clock)


def test_a_lease_is_left_alone_for_its_whole_length(patience: Patience, clock: ManualClock) -> None:
    """Its times of day are not looked at: the clock that wrote them may be wrong by hours."""
    patience.saw(HELD)
    at_first = patience.left_s()
    clock.now += 9.5
    patience.saw(HELD)
    later = patience.left_s()
    clock.now += 0.5

    assert (at_first, later, patience.left_s()) == (10.0, 0.5, 0.0)


def test_each_change_starts_the_wait_again(patience: Patience, clock: ManualClock) -> None:
    """A holder who renews is never robbed."""
    patience.saw(HELD)
    clock.now += 9.9
    patience.saw(LeaseRecord("2", "other", 10))

    assert patience.left_s() == 10.0


@pytest.mark.parametrize("holder", ["", "me"])
def test_a_lease_that_nobody_else_holds_is_free_at_once(patience: Patience, holder: str) -> None:
    """One that was given up, so that a hand-over takes no longer than a look."""
    patience.saw(HELD)
    patience.saw(LeaseRecord("2", holder, 1))

    assert patience.left_s() == 0.0


def test_the_longer_of_two_lengths_counts(patience: Patience) -> None:
    """During an update the holder may have another setting than its rival."""
    patience.saw(LeaseRecord("1", "other", 30))
    longer = patience.left_s()
    patience.saw(LeaseRecord("2", "other", 1))

    assert (longer, patience.left_s()) == (30.0, 10.0)


def test_a_length_without_sense_keeps_nobody_out_for_ever(patience: Patience) -> None:
    """Somebody may have edited the Lease by hand."""
    patience.saw(LeaseRecord("1", "other", 10**9))

    assert patience.left_s() == LONGEST_DURATION_S


def test_a_lease_that_is_not_there_is_left_to_a_leader_who_lost_it(
    patience: Patience, clock: ManualClock
) -> None:
    """A leader whose Lease was deleted makes it anew at its next renewal, and leads on."""
    patience.saw(None)
    at_first = patience.left_s()
    clock.now += TIMES.renew_s
    at_the_next_renewal = patience.left_s()
    patience.saw(LeaseRecord("2", "other", 10))

    assert at_first == TIMES.margin_s
    assert at_the_next_renewal > 0.0
    assert patience.left_s() == 10.0


def test_a_lease_that_was_deleted_under_its_holder_is_left_for_the_rest_of_its_time(
    patience: Patience, clock: ManualClock
) -> None:
    """The holder may be cut off, and sure of its time."""
    patience.saw(HELD)
    clock.now += 1.0
    patience.saw(None)
    rest = patience.left_s()
    clock.now += 8.5
    patience.saw(None)

    assert (rest, patience.left_s()) == (9.0, 0.5)


@pytest.mark.parametrize(("renew_s", "margin_s"), [(3.0, 3.0), (2.0, 8.0), (4.0, 2.0)])
def test_times_that_cannot_work_are_refused(renew_s: float, margin_s: float) -> None:
    """A margin that is no longer than a renewal makes two leaders when a Lease is deleted."""
    with pytest.raises(ValueError, match="cannot have a margin"):
        LeaseTimes(duration_s=10, renew_s=renew_s, margin_s=margin_s)


@given(
    answer_s=st.floats(0, 2),  # the renewal is on its way
    look_s=st.floats(0, 30),  # until the rival looks
    skew_s=st.floats(-1e6, 1e6),
)
def test_a_holder_has_stopped_before_a_rival_begins(
    answer_s: float, look_s: float, skew_s: float
) -> None:
    """Whatever the two clocks say: this is what keeps two leaders from writing at once."""
    sent = 1000.0
    holder_stops = sent + TIMES.term_s
    clock = ManualClock(sent + answer_s + look_s + skew_s)
    rival = Patience("me", TIMES, clock)
    rival.saw(HELD)

    assert clock.now - skew_s + rival.left_s() - holder_stops >= TIMES.margin_s - 1e-6
