"""prune: what is too old is forgotten, a bounded step at a time."""

from __future__ import annotations

import pytest

from flume.commands import worker
from flume.commands.worker import LANE_AGE_MS, WORKER_AGE_MS
from flume.job import new_id
from tests.support.rig import HOUR, MINUTE, Rig

DAY = 24 * HOUR


def prune(rig: Rig, *, most: int = 1000, age_ms: int = DAY) -> list[int]:
    """Forget what is too old; returns how many dead jobs, lanes and workers."""
    return rig.run(worker.prune(rig.keys, dead_max_jobs=most, dead_max_age_ms=age_ms))


def test_the_oldest_dead_jobs_go_when_there_are_too_many(rig: Rig) -> None:
    """With their bodies: the dead-letter queue has a cap."""
    ids = _dead(rig, 5)

    assert prune(rig, most=2)[0] == 3
    assert set(rig.scores(rig.keys.dead)) == set(rig.fields(rig.keys.jobs)) == set(ids[3:])


def test_a_dead_job_goes_when_it_is_too_old(rig: Rig) -> None:
    """Whoever wanted to look has had the time."""
    old = _dead(rig, 2)
    rig.move_clock(DAY // 2)
    young = _dead(rig, 1)
    assert prune(rig)[0] == 0
    rig.move_clock(DAY // 2 + MINUTE)

    assert prune(rig)[0] == 2
    assert [rig.state(job_id) for job_id in old + young] == [None, None, "dead"]


def test_a_silent_lane_is_forgotten_and_one_in_use_is_not(rig: Rig) -> None:
    """Each client draws new ones, so that they would add up for ever."""
    rig.enqueue()
    rig.move_clock(LANE_AGE_MS + MINUTE)
    rig.enqueue()
    rig.call("HSET", rig.keys.senders, "garbage", "no time")

    assert prune(rig)[1] == 2
    assert len(rig.fields(rig.keys.senders)) == 1


def test_many_lanes_are_walked_in_bounded_steps(rig: Rig) -> None:
    """Each call goes on where the last one stopped."""
    for start in range(0, 5000, 1000):
        lanes = [item for n in range(start, start + 1000) for item in (f"lane{n}", "1 0")]
        rig.call("HSET", rig.keys.senders, *lanes)
    steps = [prune(rig)[1] for _ in range(12)]

    assert sum(steps) == 5000
    assert max(steps) < 3000


@pytest.mark.parametrize("cursor", ["x", "nan", "-1", "1.5", "9" * 400, "12345678901"])
def test_a_cursor_that_holds_garbage_begins_again(rig: Rig, cursor: str) -> None:
    """The walk would fail at the same place for ever."""
    rig.call("HSET", rig.keys.clock, "cursor", cursor)
    rig.call("HSET", rig.keys.senders, "old", "1 0")
    prune(rig)
    prune(rig)

    assert rig.fields(rig.keys.senders) == {}


def test_a_worker_that_went_silent_is_forgotten(rig: Rig) -> None:
    """Its number is kept from others for as long as its fences may be about."""
    rig.worker("ada")
    rig.move_clock(WORKER_AGE_MS - MINUTE)
    bob = rig.worker("bob")
    assert prune(rig)[2] == 0
    rig.move_clock(2 * MINUTE)

    assert prune(rig)[2] == 1
    assert set(rig.fields(rig.keys.workers)) == {"next", str(bob.number)}


def test_a_record_that_holds_garbage_frees_its_number(rig: Rig) -> None:
    """It belongs to nobody: a worker knows its own."""
    for number, garbage in enumerate(("", "x y z", "9" * 400 + " ada {}")):
        rig.call("HSET", rig.keys.workers, number, garbage)

    assert prune(rig)[2] == 3


def test_pruning_twice_changes_nothing_more(rig: Rig) -> None:
    """Two workers may find it due at the same time."""
    _dead(rig, 3)
    rig.move_clock(2 * DAY)
    prune(rig)
    before = rig.dump()

    assert prune(rig) == [0, 0, 0]
    assert rig.dump() == before


def _dead(rig: Rig, count: int) -> list[str]:
    """Bury jobs one after the other, so that the first is the oldest."""
    ada = rig.worker("gravedigger")
    ids = []
    for _ in range(count):
        ids.append(new_id())
        rig.run(rig.enqueueing(ids[-1:]))
        ada.bury(ada.claim())
        rig.move_clock(1000)
    return ids
