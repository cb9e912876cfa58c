"""release: a job that was not run goes back to the head of its list, and nothing is charged."""

from __future__ import annotations

from tests.support.rig import LEASE_MS, MINUTE, Rig, body


def test_released_jobs_are_the_next_to_be_claimed(rig: Rig) -> None:
    """In their old order, before those that came later."""
    ids = rig.enqueue(4)
    ada = rig.worker()

    assert ada.release(ada.claim(3)) == []
    assert rig.ready() == ids
    assert rig.call("ZCARD", rig.keys.wake("send")) == 1
    assert rig.counts().running == 0
    assert rig.fields(rig.keys.jobs)[ids[0]] == body()


def test_released_jobs_do_not_make_an_older_list_wait(rig: Rig) -> None:
    """They take the place in time of the head they are put before."""
    ids = rig.enqueue(2)
    ada = rig.worker()
    taken = ada.claim(1)
    rig.move_clock(MINUTE)
    ada.release(taken)
    rig.enqueue(1, "fax")

    assert ada.claim(2, handlers=("fax", "send")).ids[0] == ids[0]


def test_a_release_without_the_lease_is_refused(rig: Rig) -> None:
    """A job that another worker runs must not become ready again."""
    (job_id,) = rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    stale = ada.claim()
    rig.move_clock(LEASE_MS + MINUTE)
    bob.beat(settle_ms=0)
    rig.reclaim()
    bob.claim()
    before = rig.dump()

    assert ada.release(stale) == [job_id.encode()]
    assert rig.dump() == before


def test_a_call_sent_twice_changes_nothing_more(rig: Rig) -> None:
    """The second call finds no lease, and says so; there is nothing left to stop."""
    ids = rig.enqueue(2)
    ada = rig.worker()
    taken = ada.claim()
    ada.release(taken)
    before = rig.dump()

    assert ada.release(taken) == [job_id.encode() for job_id in ids]
    assert rig.dump() == before


def test_a_cancelled_job_is_forgotten(rig: Rig, emptied: None) -> None:
    """Also where it was a suspect: its record would stay for ever."""
    ids = rig.enqueue(2)
    ada = rig.worker()
    taken = ada.claim()
    rig.call("HSET", rig.keys.suspects, ids[1], 1)
    rig.cancel(ids)

    assert ada.release(taken) == []


def test_a_suspect_goes_back_to_wait_alone(rig: Rig) -> None:
    """Among the others it would take them with it at its next crash."""
    ids = rig.enqueue(2)
    ada = rig.worker()
    taken = ada.claim()
    rig.call("HSET", rig.keys.suspects, ids[0], 1)
    ada.release(taken)

    assert rig.ready() == [ids[1]]
    assert rig.alone() == [ids[0]]
    assert rig.suspects() == {ids[0]: 1}


def test_a_thousand_jobs_fit_in_one_call(rig: Rig) -> None:
    """A worker that stops gives back what it has not started."""
    ids = rig.enqueue(1000)
    ada = rig.worker()
    ada.release(ada.claim(1000))

    assert rig.ready() == ids
