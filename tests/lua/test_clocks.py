"""Redis' clock steps, or Redis stands still: no live worker loses a job, no dead one keeps any."""

from __future__ import annotations

import pytest

from tests.support.rig import HOUR, LEASE_MS, MINUTE, SECOND, Rig, Worker


def test_nobody_reclaims_for_a_while_after_all_were_silent(rig: Rig) -> None:
    """Redis was away, not the workers: they reconnect, extend, and store what they finished."""
    rig.enqueue(2)
    ada, bob = rig.worker("ada"), rig.worker("bob")
    taken = ada.claim()
    rig.move_clock(3 * LEASE_MS)
    assert not bob.beat(settle_ms=5 * SECOND).reclaim
    assert rig.reclaim().seen == 0
    rig.move_clock(4 * SECOND)
    ada.beat()
    assert ada.extend(taken) == []
    rig.move_clock(2 * SECOND)

    assert not bob.beat().reclaim
    assert rig.reclaim().seen == 0
    assert ada.complete(taken) == []


def test_a_worker_that_was_cut_off_alone_keeps_all_from_reclaiming(rig: Rig) -> None:
    """For one lease: it may be one of many that were, and says so when it is back."""
    rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim()
    _pass(rig, bob, LEASE_MS - 2 * SECOND)
    bob.beat(away=True)
    _pass(rig, bob, LEASE_MS - 2 * SECOND)
    assert not bob.beat().reclaim
    assert rig.reclaim().seen == 0
    _pass(rig, bob, 3 * SECOND)

    assert bob.beat().reclaim
    assert rig.reclaim().seen == 1


def test_a_call_that_stood_in_line_while_redis_stood_still_takes_nothing(rig: Rig) -> None:
    """It was sent before the silence and is served after it, before any worker can beat."""
    rig.enqueue()
    ada = rig.worker()
    taken = ada.claim()
    rig.move_clock(3 * LEASE_MS)

    assert rig.reclaim().seen == 0
    ada.beat()
    assert ada.extend(taken) == []


def test_a_clock_set_back_does_not_keep_a_dead_workers_jobs(rig: Rig) -> None:
    """Their leases end an hour ahead: they are shortened to what a lease can be."""
    ids = rig.enqueue(2)
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim()
    rig.move_clock(-HOUR)
    beat = bob.beat()
    assert beat.reclaim
    assert rig.reclaim().seen == 0
    rig.outlive(bob)
    reclaimed = rig.reclaim()

    assert sorted(reclaimed.charged + reclaimed.released) == sorted(ids)


def test_a_clock_set_back_takes_no_job_from_a_live_worker(rig: Rig) -> None:
    """Its lease is shortened, not ended, and it goes on extending it."""
    rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    taken = ada.claim()
    rig.move_clock(-HOUR)
    bob.beat()
    rig.reclaim()
    for _ in range(4):
        ada.beat()
        assert ada.extend(taken) == []
        rig.move_clock(LEASE_MS // 3)
        bob.beat()
        assert rig.reclaim().seen == 0

    assert ada.complete(taken) == []


def test_a_clock_set_ahead_takes_no_job_from_a_live_worker(rig: Rig) -> None:
    """All leases end at once; to the workers it looks as if Redis had been away."""
    rig.enqueue(5)
    ada, bob = rig.worker("ada"), rig.worker("bob")
    taken = ada.claim()
    rig.move_clock(HOUR)
    assert rig.reclaim().seen == 0
    assert not bob.beat().reclaim
    assert rig.reclaim().seen == 0
    ada.beat()
    ada.extend(taken)
    rig.move_clock(10 * SECOND)
    bob.beat()

    assert rig.reclaim().seen == 0
    assert ada.complete(taken) == []


@pytest.mark.parametrize("garbage", ["nan", "inf", "-inf", "9" * 400, "0x10", "x", ""])
def test_a_clock_full_of_garbage_mends_itself(rig: Rig, garbage: str) -> None:
    """A nan is neither before nor after any time: reclaiming would have ended for good."""
    rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim()
    for name in ("beat", "hold", "prune", "turn", "cursor", "lease", "lease_until"):
        rig.call("HSET", rig.keys.clock, name, garbage)
    rig.move_clock(2 * LEASE_MS)
    bob.beat(settle_ms=0)
    rig.move_clock(LEASE_MS // 3)
    bob.beat(settle_ms=0)

    assert rig.reclaim().seen == 1
    rig.move_clock(MINUTE)
    assert bob.beat().prune


def _pass(rig: Rig, beating: Worker, ms: int) -> None:
    """Let time pass while a worker beats."""
    for _ in range(ms // SECOND):
        rig.move_clock(SECOND)
        beating.beat()
