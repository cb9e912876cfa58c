"""What a worker holds and how far it may claim ahead, by numbers alone."""

from __future__ import annotations

from flume.current import HeldJob
from flume.runtime.demand import Demand
from flume.runtime.pace import Pace


def held(name: bytes, fence: int = 1) -> HeldJob:
    """Return a claimed job."""
    return HeldJob(name, b"", fence, 0.0)


def test_claims_under_way_count_as_held() -> None:
    """Two lanes that ask at once must not claim twice what may be held."""
    demand = Demand(10)
    demand.take([held(b"a"), held(b"b")], alone=False)
    demand.claiming = 5

    assert demand.room("lane") == 3


def test_a_suspect_leaves_room_for_nothing_until_it_ends() -> None:
    """A job that may kill its worker kills nobody else's."""
    demand, suspect = Demand(10), held(b"a")
    demand.take([suspect], alone=True)
    beside = demand.room("lane")
    demand.drop(suspect)

    assert (beside, demand.room("lane")) == (0, 10)


def test_a_worker_that_empties_itself_claims_only_once_it_is_empty() -> None:
    """The suspect that waits for it needs it to hold nothing."""
    demand, job = Demand(10), held(b"a")
    demand.take([job], alone=False)
    demand.emptying = "lane"
    full = demand.room("lane")
    demand.drop(job)

    assert (full, demand.room("other lane"), demand.room("lane")) == (0, 0, 10)


def test_a_claim_that_may_bring_a_suspect_is_waited_for() -> None:
    """Sent while nothing is held, it may: what another lane claimed meanwhile would run beside."""
    demand = Demand(10)
    demand.claiming = 3
    before = demand.room("lane")
    demand.take([held(b"a")], alone=False)

    assert (before, demand.room("lane")) == (0, 6)


def test_dropping_a_job_that_was_claimed_again_leaves_the_new_claim() -> None:
    """A late outcome of the first claim must not let go of the second."""
    demand, first, second = Demand(10), held(b"a", 1), held(b"a", 2)
    demand.take([first], alone=False)
    demand.take([second], alone=False)

    assert not demand.drop(first)
    assert demand.drop(second)


def test_nothing_is_claimed_ahead_of_long_jobs() -> None:
    """One start a second is no reason to hold another job for a second."""
    pace, now, ahead = Pace(), 100.0, -1
    for _ in range(10):
        now += 1.0
        pace.ended += 1
        ahead = pace.ahead(now)

    assert ahead == 0


def test_short_jobs_are_claimed_ahead_for_a_twentieth_of_a_second() -> None:
    """At ten thousand a second, five hundred start within 50 ms."""
    pace, now, ahead = Pace(), 100.0, -1
    for _ in range(20):
        now += 0.1
        pace.ended += 1000
        ahead = pace.ahead(now)

    assert 450 <= ahead <= 500


def test_a_pace_that_broke_off_is_forgotten_within_a_moment() -> None:
    """What was fast a second ago says nothing about now."""
    pace, now, ahead = Pace(), 100.0, -1
    for _ in range(20):
        now += 0.1
        pace.ended += 1000
        pace.ahead(now)
    for _ in range(10):
        now += 0.1
        ahead = pace.ahead(now)

    assert ahead == 0
