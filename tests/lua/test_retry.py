"""retry: a failed job waits, with what is known of its failure, and runs again."""

from __future__ import annotations

from flume.commands.client import Lane
from tests.support.rig import MINUTE, Rig, body


def test_a_failed_job_waits_with_its_new_body(rig: Rig) -> None:
    """One atomic move: it is never nowhere, and never in two places."""
    (job_id,) = rig.enqueue()
    ada = rig.worker()
    before = rig.now_ms()

    assert ada.retry(ada.claim(), wait_ms=MINUTE) == []
    assert before + MINUTE <= rig.scores(rig.keys.retrying)[f"{job_id} send"]
    assert rig.fields(rig.keys.jobs)[job_id] == body(attempts=1)
    assert rig.state(job_id) == "retrying"
    assert rig.counts().running == 0
    assert rig.total("retried") == 1


def test_it_runs_again_when_it_is_due(rig: Rig, emptied: None) -> None:
    """With a new fence, so that the first run cannot end the second."""
    ids = rig.enqueue()
    ada = rig.worker()
    first = ada.claim()
    ada.retry(first, wait_ms=MINUTE)
    assert rig.promote() == 0
    rig.move_clock(2 * MINUTE)
    assert rig.promote() == 1
    second = ada.claim()

    assert second.ids == ids
    assert second.claimed.bodies == [body(attempts=1)]
    assert ada.complete(first) == [ids[0].encode()]
    assert ada.complete(second) == []


def test_a_retry_without_the_lease_is_refused(rig: Rig) -> None:
    """Another worker runs the job: it must not wait at the same time."""
    (job_id,) = rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    stale = ada.claim()
    ada.release(stale)
    bob.claim()
    before = rig.dump()

    assert ada.retry(stale) == [job_id.encode()]
    assert rig.dump() == before


def test_a_call_sent_twice_changes_nothing_more(rig: Rig) -> None:
    """The lane remembers the call, or every lost reply would look like a lost lease."""
    rig.enqueue(3)
    ada = rig.worker()
    command = ada.retrying(ada.claim())

    assert rig.run(command) == []
    before = rig.dump()
    assert rig.run(command) == []
    assert rig.dump() == before


def test_a_call_sent_twice_does_not_stop_the_next_run(rig: Rig) -> None:
    """By the time it comes again its job may run for the second time."""
    rig.enqueue()
    ada = rig.worker()
    command = ada.retrying(ada.claim(), wait_ms=0)
    rig.run(command)
    rig.promote()
    again = ada.claim()

    assert rig.run(command) == []
    assert rig.counts().running == 1
    assert ada.complete(again) == []


def test_a_call_of_lost_jobs_alone_is_not_remembered(rig: Rig) -> None:
    """It changed nothing, and said so; sent again it says the same."""
    rig.enqueue()
    ada = rig.worker()
    taken = ada.claim()
    ada.release(taken)
    command = ada.retrying(taken, lane=Lane("x", 1))

    assert rig.run(command) == rig.run(command) == [taken.ids[0].encode()]


def test_a_cancelled_job_is_forgotten(rig: Rig, emptied: None) -> None:
    """Nobody wants it to run again."""
    ids = rig.enqueue(2)
    ada = rig.worker()
    taken = ada.claim()
    rig.cancel(ids)

    assert ada.retry(taken) == []
    assert rig.total("retried") == 0


def test_a_suspect_that_fails_is_none_any_more(rig: Rig) -> None:
    """It raised, and its worker lives: it does not kill."""
    rig.enqueue()
    ada = rig.worker()
    taken = ada.claim()
    rig.call("HSET", rig.keys.suspects, taken.ids[0], 1)
    ada.retry(taken)

    assert rig.suspects() == {}


def test_two_hundred_jobs_fit_in_one_call(rig: Rig) -> None:
    """The bound of a call that carries whole bodies."""
    rig.enqueue(200)
    ada = rig.worker()

    assert ada.retry(ada.claim(200)) == []
    assert rig.counts().retrying == 200
