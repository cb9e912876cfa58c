"""Which of the limits that queues give one key holds."""

from __future__ import annotations

import pytest

from flume.commands.limit import Definition, InForce
from flume.connection import SyncConnections
from tests.support.limiter import Limiter
from tests.support.rig import HOUR, SECOND


@pytest.fixture
def limiter(connections: SyncConnections) -> Limiter:
    """Return a limit on each kind of server."""
    return Limiter(connections)


def test_the_strictest_holds_and_the_others_are_told(limiter: Limiter) -> None:
    """A shared limit can be changed one pipeline after the other, and is never above any."""
    loose, strict = Definition(100, SECOND, 1), Definition(500, 6 * SECOND, 1)
    assert limiter.define(loose, queue="a") == InForce(100, SECOND, False)
    both = InForce(500, 6 * SECOND, is_mismatch=False, others_differ=True)
    assert limiter.define(strict, queue="b") == both  # whoever may loosen it hears of it as well

    assert limiter.define(loose, queue="a") == InForce(500, 6 * SECOND, True)
    assert limiter.reserve(1000, loose, queue="a").in_force == InForce(500, 6 * SECOND, True)


def test_of_equal_rates_the_smaller_count_holds(limiter: Limiter) -> None:
    """It allows the smaller burst; which of them came first must not decide."""
    small, large = Definition(1000, 6 * SECOND, 1), Definition(10_000, 60 * SECOND, 1)
    limiter.define(large, queue="a")
    limiter.define(small, queue="b")

    assert limiter.define(large, queue="c") == InForce(1000, 6 * SECOND, True, True)


def test_a_worker_with_old_settings_undoes_no_change(limiter: Limiter) -> None:
    """Settings reach workers within 2 s, not at once."""
    old, new = Definition(10, SECOND, 1), Definition(50, SECOND, 2)
    limiter.define(new)

    assert limiter.reserve(100, old).count == 50
    assert limiter.define(old) == InForce(50, SECOND, False)


def test_settings_that_begin_anew_hold_after_a_moment(limiter: Limiter) -> None:
    """Their generations count from 1 again where the record was lost, and the limit was not."""
    old, new = Definition(10, SECOND, 7), Definition(50, SECOND, 1)
    before = limiter.reserve(1, old).in_force.count
    limiter.now += 4999
    meanwhile = limiter.reserve(1, new).in_force.count
    limiter.now += 1
    after = limiter.reserve(1, new).in_force.count

    assert (before, meanwhile, after) == (10, 10, 50)


def test_a_queue_takes_its_definition_back(limiter: Limiter) -> None:
    """And a worker that has not heard of it does not bring it back."""
    strict, loose = Definition(10, SECOND, 1), Definition(50, SECOND, 1)
    limiter.define(strict, queue="a")
    limiter.define(loose, queue="b")

    assert limiter.define(Definition(0, 0, 2), queue="a") == InForce(50, SECOND, False)
    assert limiter.reserve(100, strict, queue="a").in_force.count == 50


def test_nothing_is_in_force_when_the_last_is_taken_back(limiter: Limiter) -> None:
    """What a worker asks with then is its own definition."""
    own = Definition(10, SECOND, 1)
    limiter.define(own)

    assert limiter.define(Definition(0, 0, 2)) == InForce(0, 0, False)
    assert limiter.reserve(100, own).count == 10


def test_what_nobody_uses_for_an_hour_holds_no_more(limiter: Limiter) -> None:
    """A pipeline was deleted while the operator was down."""
    strict, loose = Definition(10, SECOND, 1), Definition(50, SECOND, 1)
    limiter.define(strict, queue="gone")
    limiter.now += HOUR
    assert limiter.reserve(1, loose).in_force.count == 10
    limiter.now += 1

    assert limiter.reserve(1, loose).in_force.count == 50


def test_what_is_used_holds_for_longer_than_an_hour(limiter: Limiter) -> None:
    """Each reserve says it again."""
    strict, loose = Definition(10, SECOND, 1), Definition(50, SECOND, 1)
    for _ in range(4):
        limiter.reserve(1, strict, queue="a")
        limiter.now += HOUR // 2

    assert limiter.reserve(1, loose, queue="b").in_force.count == 10
