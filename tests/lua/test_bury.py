"""bury: a job that is given up is kept in the dead-letter queue."""

from __future__ import annotations

from flume.job import new_id
from tests.support.rig import LEASE_MS, MINUTE, Rig, body


def test_a_dead_job_is_kept_with_its_last_body(rig: Rig) -> None:
    """The error is in it, for whoever looks."""
    (job_id,) = rig.enqueue()
    ada = rig.worker()
    before = rig.now_ms()

    assert ada.bury(ada.claim(), body=body(attempts=6)) == []
    assert before <= rig.scores(rig.keys.dead)[job_id] <= rig.now_ms()
    assert rig.fields(rig.keys.jobs)[job_id] == body(attempts=6)
    assert rig.state(job_id) == "dead"
    assert rig.total("buried") == 1


def test_an_unreadable_body_is_kept_as_it_is(rig: Rig) -> None:
    """Its bytes are all that is known of it."""
    job_id = new_id()
    rig.run(rig.enqueueing([job_id]))
    rig.call("HSET", rig.keys.jobs, job_id, b"\xff\x00")
    ada = rig.worker()
    ada.bury(ada.claim(), body="")

    assert rig.fields(rig.keys.jobs)[job_id] == b"\xff\x00"


def test_a_burial_without_the_lease_is_refused(rig: Rig) -> None:
    """Another worker runs the job, and may end it well."""
    (job_id,) = rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    stale = ada.claim()
    rig.move_clock(LEASE_MS + MINUTE)
    bob.beat(settle_ms=0)
    rig.reclaim()
    before = rig.dump()

    assert ada.bury(stale) == [job_id.encode()]
    bob.claim()
    assert ada.bury(stale) == [job_id.encode()]
    assert rig.scores(rig.keys.dead) == {}
    assert before[rig.keys.jobs] == rig.content(rig.keys.jobs)


def test_a_call_sent_twice_changes_nothing_more(rig: Rig) -> None:
    """A job that is dead already counts as buried, and so does one that was purged meanwhile."""
    rig.enqueue(2)
    ada = rig.worker()
    taken = ada.claim()
    ada.bury(taken)
    before = rig.dump()

    assert ada.bury(taken) == []
    assert rig.dump() == before
    rig.purge(rig.keys.dead)
    assert ada.bury(taken) == []


def test_a_cancelled_job_is_forgotten(rig: Rig, emptied: None) -> None:
    """A dead letter without a body would say nothing."""
    ids = rig.enqueue(2)
    ada = rig.worker()
    taken = ada.claim()
    rig.cancel(ids)

    assert ada.bury(taken) == []
    assert rig.total("buried") == 0


def test_a_dead_suspect_is_none_any_more(rig: Rig) -> None:
    """A job that is redriven begins as if it had never run."""
    rig.enqueue()
    ada = rig.worker()
    taken = ada.claim()
    rig.call("HSET", rig.keys.suspects, taken.ids[0], 1)
    ada.bury(taken)

    assert rig.suspects() == {}


def test_two_hundred_jobs_fit_in_one_call(rig: Rig) -> None:
    """The bound of a call that carries whole bodies."""
    rig.enqueue(200)
    ada = rig.worker()

    assert ada.bury(ada.claim(200), body=body(attempts=1)) == []
    assert rig.counts().dead == 200
