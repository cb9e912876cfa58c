"""reclaim: the jobs of a worker that died go back to where others find them."""

from __future__ import annotations

import msgspec
import pytest

from flume.job import new_id
from tests.support.rig import FENCES, LEASE_MS, SECOND, SILENCE_MS, Rig, body


def test_a_dead_workers_jobs_become_suspects_that_wait(rig: Rig) -> None:
    """One of them may have killed it; which one, their next run alone will tell."""
    ids = rig.enqueue(3)
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim()
    rig.outlive(bob)
    reclaimed = rig.reclaim()

    assert sorted(reclaimed.charged) == sorted(rig.alone()) == sorted(ids)
    assert (reclaimed.seen, reclaimed.released, reclaimed.buried) == (3, [], [])
    assert rig.suspects() == dict.fromkeys(ids, 0)
    assert rig.counts().running == 0
    assert rig.total("reclaimed") == 3
    assert rig.call("ZCARD", rig.keys.wake("send")) == 1


def test_a_lease_that_lasts_is_left_alone(rig: Rig) -> None:
    """Nobody takes a job before its time."""
    rig.enqueue(2)
    ada, bob = rig.worker("ada"), rig.worker("bob")
    first = ada.claim(1)
    rig.move_clock(LEASE_MS - 2 * SECOND)
    ada.claim(1)
    rig.move_clock(3 * SECOND)
    bob.beat(settle_ms=0)

    assert rig.reclaim().charged == first.ids
    assert rig.counts().running == 1


def test_a_job_whose_worker_lives_is_released_and_not_charged(rig: Rig) -> None:
    """A lost lease is not yet a crash: it may be past its timeout, or its heartbeat stuck."""
    ids = rig.enqueue(2)
    ada = rig.worker()
    ada.claim()
    rig.outlive(ada)
    reclaimed = rig.reclaim()

    assert sorted(reclaimed.released) == sorted(rig.ready()) == sorted(ids)
    assert rig.suspects() == {}


def test_a_worker_is_dead_once_its_beat_is_stale(rig: Rig) -> None:
    """Between two beats it is alive; the bound is what the caller says."""
    for age_ms, is_charged in ((SILENCE_MS - 2 * SECOND, False), (SILENCE_MS + 2 * SECOND, True)):
        rig.enqueue()
        ada, bob = rig.worker("ada"), rig.worker("bob")
        ada.claim()
        rig.outlive(ada)
        rig.move_clock(age_ms)
        bob.beat(settle_ms=0)

        assert bool(rig.reclaim().charged) is is_charged


def test_the_job_of_a_worker_that_left_is_charged(rig: Rig) -> None:
    """Its record is gone, and it gave back what it could before it went."""
    rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim()
    rig.call("HDEL", rig.keys.workers, ada.number)
    rig.outlive(bob)

    assert len(rig.reclaim().charged) == 1


def test_a_call_sent_twice_changes_nothing_more(rig: Rig) -> None:
    """Every worker calls it, and more than one may at the same time."""
    rig.enqueue(3)
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim()
    rig.outlive(bob)
    rig.reclaim()
    before = rig.dump()

    assert rig.reclaim().seen == 0
    assert rig.dump() == before


def test_a_call_takes_no_more_than_its_limit(rig: Rig) -> None:
    """A thousand expired leases must not stop Redis for everybody."""
    rig.enqueue(5)
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim()
    rig.outlive(bob)

    assert [rig.reclaim(limit=2).seen for _ in range(4)] == [2, 2, 1, 0]


def test_a_cancelled_job_is_dropped(rig: Rig, emptied: None) -> None:
    """Also where it was a suspect."""
    ids = rig.enqueue(2)
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim()
    rig.call("HSET", rig.keys.suspects, ids[0], 1)
    rig.cancel(ids)
    rig.outlive(bob)

    assert rig.reclaim().charged == []
    assert rig.total("reclaimed") == 0


def test_a_suspect_is_buried_after_its_crashes_alone(rig: Rig) -> None:
    """It killed a worker each time it ran by itself: no other job can have done it."""
    ids = rig.enqueue()
    bob = rig.worker("bob")
    outcomes = []
    for crash in range(3):
        ada = rig.worker(f"ada{crash}")
        assert ada.claim().ids == ids
        rig.outlive(bob)
        outcomes.append(rig.reclaim(max_crashes=2))

    assert [len(outcome.charged) for outcome in outcomes] == [1, 1, 0]
    assert outcomes[2].buried == ids
    assert rig.state(ids[0]) == "dead"
    assert rig.suspects() == {}
    assert rig.total("buried") == 1


def test_a_buried_suspect_says_why(rig: Rig) -> None:
    """Whoever looks at the dead letter finds an error, and the arguments as they were."""
    ids = rig.enqueue()
    bob = rig.worker("bob")
    rig.call("HSET", rig.keys.jobs, ids[0], '{"handler":"send","args":[12345678901234567890,[]]}')
    rig.worker("ada").claim()
    rig.call("HSET", rig.keys.suspects, ids[0], 1)
    rig.outlive(bob)
    rig.reclaim(max_crashes=2)
    kept = msgspec.json.decode(rig.fields(rig.keys.jobs)[ids[0]])

    assert kept["args"] == [12345678901234567890, []]
    assert "died 2 times while it ran alone" in kept["error"]


def test_a_buried_suspect_frees_its_unique_key(rig: Rig) -> None:
    """A dead job holds no key."""
    first = new_id()
    rig.run(rig.enqueueing_unique(first))
    bob = rig.worker("bob")
    rig.worker("ada").claim()
    rig.call("HSET", rig.keys.suspects, first, 1)
    rig.outlive(bob)

    assert rig.reclaim(max_crashes=2).buried == [first]
    assert rig.run(rig.enqueueing_unique(new_id())).holder is None


def test_a_suspect_whose_worker_lives_stays_one(rig: Rig) -> None:
    """Among innocent jobs it would take them with it."""
    ids = rig.enqueue(2)
    ada = rig.worker()
    ada.claim()
    rig.call("HSET", rig.keys.suspects, ids[0], 1)
    rig.outlive(ada)
    reclaimed = rig.reclaim()

    assert sorted(reclaimed.released) == sorted(ids)
    assert rig.alone() == [ids[0]]
    assert rig.ready() == [ids[1]]
    assert rig.suspects() == {ids[0]: 1}


@pytest.mark.parametrize("unreadable", [b"no json", b"", b'{"args":[]}', b'{"handler":"sp ace"}'])
def test_a_body_without_a_handler_is_buried_as_it_is(rig: Rig, unreadable: bytes) -> None:
    """It can wait in no list: nobody would ever claim it."""
    (job_id,) = rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim()
    rig.call("HSET", rig.keys.jobs, job_id, unreadable)
    rig.outlive(bob)

    assert rig.reclaim().buried == [job_id]
    assert rig.fields(rig.keys.jobs)[job_id] == unreadable
    assert rig.state(job_id) == "dead"


def test_a_body_cut_short_is_buried_without_a_change(rig: Rig) -> None:
    """The reason is added before its last brace, which is not there."""
    (job_id,) = rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim()
    cut = b'{"handler":"send","args":["a'
    rig.call("HSET", rig.keys.jobs, job_id, cut)
    rig.call("HSET", rig.keys.suspects, job_id, 1)
    rig.outlive(bob)

    assert rig.reclaim(max_crashes=2).buried == [job_id]
    assert rig.fields(rig.keys.jobs)[job_id] == cut


def test_a_handler_newer_than_the_callers_list_waits_for_the_next_look(rig: Rig) -> None:
    """The caller read the names before the job came; its job is as good as any other."""
    (job_id,) = rig.enqueue(1, "fax")
    ada, bob = rig.worker("ada"), rig.worker("bob")
    fence = ada.claim(handlers=("fax",)).fence
    rig.outlive(bob)
    outdated = rig.reclaim()

    assert (outdated.seen, outdated.charged, outdated.buried) == (1, [], [])
    assert rig.score(job_id) % FENCES == fence
    rig.move_clock(SECOND)
    bob.beat()
    rig.handlers = ("send", "fax")
    assert rig.reclaim().charged == [job_id]


def test_a_member_that_is_no_job_of_ours_is_dropped(rig: Rig, emptied: None) -> None:
    """Whatever its name and score: what has no body cannot run."""
    bob = rig.worker("bob")
    for score in ("-inf", "0", "1.5", "inf"):
        rig.call("ZADD", rig.keys.running, score, f"stray {score}", score, "")
    rig.outlive(bob)
    rig.reclaim()
    rig.outlive(bob)
    rig.reclaim()

    assert rig.counts().running == 0


def test_a_charged_job_keeps_its_body(rig: Rig) -> None:
    """Only a burial adds to it."""
    (job_id,) = rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim()
    rig.outlive(bob)
    rig.reclaim()

    assert rig.fields(rig.keys.jobs)[job_id] == body()
