"""complete: a job that ended well is forgotten, if the lease is still its worker's."""

from __future__ import annotations

from flume.commands import worker
from flume.job import new_id
from tests.support.rig import LEASE_MS, MINUTE, Rig


def test_a_completed_job_leaves_nothing_but_a_count(rig: Rig, emptied: None) -> None:
    """A server that runs for years must not fill up with what is done."""
    rig.enqueue(3)
    rig.run(rig.enqueueing_unique(new_id()))
    ada = rig.worker()

    assert ada.complete(ada.claim()) == []
    assert rig.total("completed") == 4


def test_the_caller_says_which_counter_rises(rig: Rig, emptied: None) -> None:
    """A job that its handler dropped was not completed."""
    rig.enqueue(2)
    ada = rig.worker()
    ada.complete(ada.claim(1))
    ada.complete(ada.claim(1), counter="discarded")

    assert rig.total("completed") == rig.total("discarded") == 1


def test_one_call_completes_jobs_of_several_claims(rig: Rig, emptied: None) -> None:
    """Outcomes of hundreds of jobs share one round trip, whatever claims they came from."""
    rig.enqueue(7)
    ada = rig.worker()
    claims = [ada.claim(count) for count in (1, 4, 2)]
    groups = [item for claim in claims for item in claim.group()]

    assert rig.run(worker.complete(rig.keys, groups)) == []
    assert rig.total("completed") == 7


def test_a_thousand_jobs_fit_in_one_call(rig: Rig, emptied: None) -> None:
    """The bound of a call is what Lua can unpack."""
    rig.enqueue(1000)
    ada = rig.worker()

    assert ada.complete(ada.claim(1000)) == []


def test_the_outcome_of_another_claim_is_refused(rig: Rig) -> None:
    """The stale worker is told, and the job stays with the one that has the lease."""
    (job_id,) = rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    stale = ada.claim()
    rig.move_clock(LEASE_MS + MINUTE)
    bob.beat(settle_ms=0)
    rig.reclaim()
    fresh = bob.claim()
    assert fresh.ids == [job_id]
    before = rig.dump()

    assert ada.complete(stale) == [job_id.encode()]
    assert rig.dump() == before
    assert bob.complete(fresh) == []


def test_the_outcome_of_a_job_that_waits_again_is_refused(rig: Rig) -> None:
    """It was taken back, and will run again: storing the outcome would lose that it did."""
    (job_id,) = rig.enqueue()
    ada = rig.worker()
    stale = ada.claim()
    ada.release(stale)

    assert ada.complete(stale) == [job_id.encode()]
    assert rig.ready() == [job_id]
    assert rig.total("completed") == 0


def test_a_lost_job_does_not_keep_the_others(rig: Rig) -> None:
    """One call carries the outcomes of many."""
    ids = rig.enqueue(3)
    ada = rig.worker()
    taken = ada.claim()
    rig.call("ZREM", rig.keys.running, ids[1])

    assert ada.complete(taken) == [ids[1].encode()]
    assert rig.total("completed") == 2


def test_an_outcome_sent_twice_is_stored_once(rig: Rig, emptied: None) -> None:
    """A job that is gone counts as stored: an earlier call did it, and its reply was lost."""
    rig.enqueue(3)
    ada = rig.worker()
    taken = ada.claim()
    ada.complete(taken)
    before = rig.dump()

    assert ada.complete(taken) == []
    assert rig.dump() == before
    assert rig.total("completed") == 3


def test_a_cancelled_job_that_ran_to_its_end_is_no_lost_one(rig: Rig, emptied: None) -> None:
    """It may have ended before its worker heard of it."""
    ids = rig.enqueue(2)
    ada = rig.worker()
    taken = ada.claim()
    rig.cancel(ids[:1])

    assert ada.complete(taken) == []
    assert rig.total("completed") == rig.total("cancelled") == 1


def test_a_suspect_that_ends_well_is_none_any_more(rig: Rig, emptied: None) -> None:
    """Its crash was an accident."""
    rig.enqueue()
    ada = rig.worker()
    taken = ada.claim()
    rig.call("HSET", rig.keys.suspects, taken.ids[0], 1)
    ada.complete(taken)

    assert rig.suspects() == {}
