"""cancel and purge: jobs that are not to run any more."""

from __future__ import annotations

import pytest

from flume.job import new_id
from tests.support.rig import HOUR, MINUTE, Rig


def test_a_waiting_job_is_cancelled_whatever_it_waits_for(rig: Rig, emptied: None) -> None:
    """Ready, scheduled or retrying: it does not run."""
    ada = rig.worker()
    rig.enqueue()
    ada.retry(ada.claim(), wait_ms=MINUTE)
    rig.schedule(wait_ms=MINUTE)
    rig.enqueue()
    ids = list(rig.fields(rig.keys.jobs))

    assert sorted(rig.cancel(ids)) == sorted(ids)
    assert rig.total("cancelled") == 3
    rig.move_clock(HOUR)
    rig.promote()
    assert ada.claim().ids == []


def test_a_running_job_is_cancelled_and_its_worker_is_told(rig: Rig, emptied: None) -> None:
    """At its next extension; what it does until then cannot be undone."""
    ids = rig.enqueue()
    ada = rig.worker()
    taken = ada.claim()

    assert rig.cancel(ids) == ids
    assert ada.extend(taken) == [ids[0].encode()]
    ada.complete(taken)


def test_a_dead_job_is_left_alone(rig: Rig) -> None:
    """It does not run anyway, and somebody may want to look at it."""
    ids = rig.enqueue()
    ada = rig.worker()
    ada.bury(ada.claim())

    assert rig.cancel(ids) == []
    assert rig.state(ids[0]) == "dead"


def test_a_job_that_is_gone_is_not_named(rig: Rig) -> None:
    """It never was, has completed, or was cancelled before: also by this call's first copy."""
    ids = rig.enqueue(2)
    rig.cancel(ids)
    before = rig.dump()

    assert rig.cancel([*ids, new_id()]) == []
    assert rig.dump() == before


def test_an_id_named_twice_counts_once(rig: Rig) -> None:
    """Counters are raised by real transitions alone."""
    ids = rig.enqueue()

    assert rig.cancel(ids * 2) == ids
    assert rig.total("cancelled") == 1


def test_purging_deletes_jobs_in_bounded_steps(rig: Rig, emptied: None) -> None:
    """Fewer than the limit means that it is empty."""
    rig.enqueue(5)
    rig.run(rig.enqueueing_unique(new_id()))

    assert [rig.purge(rig.keys.ready("send"), 4) for _ in range(3)] == [4, 2, 0]
    assert rig.total("purged") == 6


@pytest.mark.parametrize("state", ["scheduled", "retrying", "dead"])
def test_every_state_that_waits_can_be_purged(rig: Rig, state: str, emptied: None) -> None:
    """The bodies go with the members."""
    ada = rig.worker()
    if state == "scheduled":
        rig.schedule(3, wait_ms=HOUR)
    else:
        rig.enqueue(3)
        taken = ada.claim()
        _ = ada.retry(taken) if state == "retrying" else ada.bury(taken)

    assert rig.purge(getattr(rig.keys, state)) == 3
    assert rig.total("purged") == 3


def test_purging_counts_a_cancelled_job_only_once(rig: Rig) -> None:
    """It was counted when it was cancelled."""
    rig.cancel(rig.enqueue(3)[:2])

    assert rig.purge(rig.keys.ready("send")) == 3
    assert rig.total("cancelled") == 2
    assert rig.total("purged") == 1


def test_purging_one_list_leaves_the_others(rig: Rig) -> None:
    """And the running jobs go on."""
    rig.enqueue(2, "fax")
    rig.enqueue(2, "send")
    running = rig.worker().claim(1)
    rig.purge(rig.keys.ready("send"))

    assert len(rig.ready("fax")) == 2
    assert rig.state(running.ids[0]) == "running"


def test_purging_suspects_frees_their_ids(rig: Rig) -> None:
    """Their entries carry a handler's name behind the id."""
    rig.enqueue()
    ada = rig.worker()
    taken = ada.claim()
    rig.call("HSET", rig.keys.suspects, taken.ids[0], 1)
    ada.release(taken)

    assert rig.purge(rig.keys.alone) == 1
    assert rig.fields(rig.keys.jobs) == {}
