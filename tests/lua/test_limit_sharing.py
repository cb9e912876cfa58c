"""What a limit allows is used, and shared, by callers that come back when they are told."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from flume.commands.limit import AHEAD_MS, Definition
from flume.connection import SyncConnections
from tests.support.limiter import Caller, Limiter, Played, play
from tests.support.rig import SECOND

EIGHT = [Caller(queue, 100) for queue in ("a", "b") for _ in range(4)]


@pytest.fixture
def limiter(connections: SyncConnections) -> Limiter:
    """Return a limit on each kind of server."""
    return Limiter(connections)


def limited(count: int, seconds: int) -> Definition:
    """Return a definition that every queue has."""
    return Definition(count, seconds * SECOND, 1)


def share(played: Played, queue: str, since_ms: int, until_ms: int) -> float:
    """Return which part of all grants a queue got."""
    return played.total(queue, since_ms, until_ms) / played.total("", since_ms, until_ms)


@pytest.mark.parametrize("refunds", [0.0, 0.5])
@pytest.mark.parametrize(
    ("count", "seconds", "least"),
    [(1000, 6, 0.97), (1000, 1, 0.95), (50_000, 1, 0.95), (100, 1, 0.95), (3, 1, 0.95)],
)
def test_nearly_all_that_is_allowed_is_used_and_no_window_has_more(
    limiter: Limiter, count: int, seconds: int, least: float, refunds: float
) -> None:
    """Four callers of each of two queues; a burst at the start stays out of the sum."""
    period, rounds = seconds * SECOND, 20
    played = play(limiter, limited(count, seconds), EIGHT, for_ms=rounds * period, refunds=refunds)

    # The first burst costs nothing: what is used is counted from behind it, and over the rest.
    assert played.fullest(period) <= count
    assert played.total("", 100) >= least * count * (rounds - 1)


def test_callers_that_wait_with_tokens_may_be_late(limiter: Limiter) -> None:
    """On a busy machine they are, by 20 ms, which waiting for tokens would lose."""
    callers = [Caller(queue, 500, gap_ms=3) for queue in ("a", "a", "b", "b")]
    played = play(
        limiter, limited(50_000, 1), callers, for_ms=30_000, ahead_ms=AHEAD_MS, late_ms=20
    )

    assert played.fullest(SECOND) <= 50_000
    assert played.total("", SECOND, 30_000) >= 0.99 * 50_000 * 29


@pytest.mark.parametrize("seconds", [1, 6])
@pytest.mark.parametrize(
    "others",
    [[Caller("b", 1)], [Caller("b", 50, gap_ms=5)], [Caller("b", 500)] * 4, EIGHT[4:]],
    ids=["one by one", "at leisure", "with more callers", "many"],
)
def test_two_queues_get_equal_shares(
    limiter: Limiter, seconds: int, others: Iterable[Caller]
) -> None:
    """However much either asks for at once, and however many callers it has."""
    played = play(
        limiter, limited(1000, seconds), [Caller("a", 500), *others], for_ms=14_000 * seconds
    )

    for start in range(2, 12, 2):  # what was there before the other queue asked is over
        between = start * 1000 * seconds, (start + 2) * 1000 * seconds
        assert 0.2 <= share(played, "a", *between) <= 0.8, start
    assert 0.44 <= share(played, "a", 2000 * seconds, 14_000 * seconds) <= 0.56


def test_a_queue_of_many_callers_is_not_later_each_round(limiter: Limiter) -> None:
    """Each is told of a later round: a slot too late in each, its queue would fall behind."""
    callers = [Caller("a", 500), *[Caller("b", 500)] * 4]
    played = play(limiter, limited(1000, 6), callers, for_ms=84_000)
    times = {queue: [at for at, to, _ in played.grants if to == queue] for queue in "ab"}

    assert len(times["a"]) == 14
    assert times["b"] == times["a"]


def test_who_got_its_part_is_told_of_its_next_one(limiter: Limiter) -> None:
    """What is held for another queue is none of its business, and to look for it costs time."""
    own, both = limited(1000, 1), ("a", "b")
    for _ in range(2):
        for queue in both:
            assert limiter.reserve(250, own, queue=queue).count == 250
        limiter.now += 40
    limiter.now += limiter.reserve(500, own, queue="b").wait_ms

    grant = limiter.reserve(500, own, queue="a")

    assert grant.count == 250
    assert 30 <= grant.wait_ms <= 50


def test_three_queues_get_equal_shares(limiter: Limiter) -> None:
    """One in a tight loop, one in small bites, one by hundreds."""
    callers = [Caller("a", 500), Caller("b", 1), Caller("c", 50, gap_ms=5)]
    played = play(limiter, limited(1000, 1), callers, for_ms=20_000)

    for queue in "abc":
        assert 0.25 <= share(played, queue, 3000, 20_000) <= 0.42, queue


def test_a_queue_that_needs_little_gets_it_and_the_rest_is_used(limiter: Limiter) -> None:
    """An equal share is for who wants it: what a small one leaves is not left lying."""
    callers = [Caller("a", 500), Caller("b", 1, gap_ms=100)]
    played = play(limiter, limited(1000, 1), callers, for_ms=20_000)

    assert played.total("b") >= 0.85 * 200
    assert played.total("", 1) >= 0.92 * 1000 * 19


def test_a_queue_that_stopped_asking_gives_its_share_up(limiter: Limiter) -> None:
    """Within a period and a second: until then its starts are in the window."""
    callers = [Caller("a", 500), Caller("b", 500, stops_ms=6000)]
    played = play(limiter, limited(1000, 1), callers, for_ms=12_000)

    assert share(played, "b", 2000, 6000) > 0.4
    assert played.total("a", 8100, 11_900) >= 0.9 * 1000 * 3.5


def test_a_batch_larger_than_a_share_is_not_starved(limiter: Limiter) -> None:
    """It waits until so much is there at once, and others leave it be for that long."""
    callers = [Caller("a", 10), Caller("b", 60, step=60)]
    played = play(limiter, limited(100, 1), callers, for_ms=30_000)
    batches = [n for _, queue, n in played.grants if queue == "b"]

    assert set(batches) == {60}
    assert len(batches) >= 6
    assert played.total("a", 10_000) > 500


def test_a_queue_that_is_alone_is_never_held_back(limiter: Limiter) -> None:
    """Shares are for those that ask; and what was there at the start may go at once."""
    own = limited(1000, 6)
    limiter.reserve(1, own, queue="gone")
    limiter.now += SECOND

    assert limiter.reserve(5000, own).count == 999


@pytest.mark.parametrize("count", [10, 100])
def test_no_more_come_back_at_once_than_can_be_served(limiter: Limiter, count: int) -> None:
    """A hundred callers wait for one token each: a stampede would be all of them, each time."""
    callers = [Caller(queue, 1) for queue in ("a", "b") for _ in range(100)]
    played = play(limiter, limited(count, 1), callers, for_ms=10_000)
    later = {at: n for at, n in played.asked.items() if at > 100}

    # The first were told before the other queue asked, when all was theirs.
    assert max(later.values()) <= 1.5 * count
    assert sum(later.values()) <= 3 * played.total("", 100)
