"""extend: a live worker keeps its jobs."""

from __future__ import annotations

from flume.commands import worker
from tests.support.rig import FENCES, HOUR, LEASE_MS, MINUTE, Rig, interleaved


def test_the_deadline_moves_and_the_fence_stays(rig: Rig) -> None:
    """A completion names the fence of the claim, however often the lease was renewed since."""
    (job_id,) = rig.enqueue()
    ada = rig.worker()
    taken = ada.claim()
    first = rig.score(job_id)
    rig.move_clock(10_000)

    assert ada.extend(taken) == []
    assert rig.score(job_id) % FENCES == first % FENCES == taken.fence
    assert abs(rig.score(job_id) // FENCES - first // FENCES - 10_000 // 125) <= 8
    assert ada.complete(taken) == []


def test_an_extended_job_is_not_reclaimed(rig: Rig) -> None:
    """A lease is renewed: it is not the longest job."""
    rig.enqueue()
    ada = rig.worker()
    taken = ada.claim()
    for _ in range(5):
        rig.move_clock(LEASE_MS * 2 // 3)
        ada.beat(settle_ms=0)
        ada.extend(taken)

        assert rig.reclaim().seen == 0


def test_a_lease_that_ran_out_and_that_nobody_took_is_renewed(rig: Rig) -> None:
    """After Redis was away the live worker comes first."""
    rig.enqueue()
    ada = rig.worker()
    taken = ada.claim()
    rig.move_clock(HOUR)

    assert ada.extend(taken) == []
    assert ada.complete(taken) == []


def test_a_lost_lease_is_told_and_not_renewed(rig: Rig) -> None:
    """The worker must stop the job; the others of the call go on."""
    ids = rig.enqueue(3)
    ada, bob = rig.worker("ada"), rig.worker("bob")
    taken = ada.claim()
    rig.run(worker.release(rig.keys, "send", interleaved([ids[1]], taken.fence)))
    bob.claim()
    score = rig.score(ids[1])
    rig.move_clock(MINUTE)

    assert ada.extend(taken) == [ids[1].encode()]
    assert rig.score(ids[1]) == score
    assert rig.score(ids[0]) > score


def test_a_job_that_has_ended_is_not_brought_back(rig: Rig, emptied: None) -> None:
    """An outcome and an extension may cross on their way."""
    rig.enqueue()
    ada = rig.worker()
    taken = ada.claim()
    ada.complete(taken)

    assert ada.extend(taken) == [taken.ids[0].encode()]


def test_a_cancelled_job_is_told_as_lost(rig: Rig) -> None:
    """That is how its worker hears of it."""
    ids = rig.enqueue(2)
    ada = rig.worker()
    taken = ada.claim()
    rig.cancel(ids[:1])

    assert ada.extend(taken) == [ids[0].encode()]


def test_a_call_sent_twice_changes_nothing_more(rig: Rig) -> None:
    """It says until when, not how much longer."""
    (job_id,) = rig.enqueue()
    ada = rig.worker()
    taken = ada.claim()
    ada.extend(taken)
    score = rig.score(job_id)
    ada.extend(taken)

    assert rig.score(job_id) - score <= 8 * FENCES


def test_an_extension_after_the_clock_was_set_back_is_counted_from_now(rig: Rig) -> None:
    """Otherwise the job of a worker that dies then would wait for the old time to come."""
    (job_id,) = rig.enqueue()
    ada = rig.worker()
    taken = ada.claim()
    first = rig.score(job_id)
    rig.move_clock(-HOUR)
    ada.extend(taken)

    assert rig.score(job_id) < first
