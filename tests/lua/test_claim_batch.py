"""claim_batch: jobs of one handler, once they fill a batch or the oldest has waited long enough."""

from __future__ import annotations

import pytest

from flume.commands.worker import CLAIM_ROOM, Suspicion
from flume.job import new_id
from tests.support.rig import HOUR, MINUTE, SECOND, Rig

MAX_BODY = 256 * 1024
MARKER = [b"1", b"0"]


def markers(rig: Rig, handler: str = "send") -> int:
    """Return how many workers of a handler would be woken."""
    return int(rig.call("ZCARD", rig.keys.wake(handler)))


def test_a_full_batch_comes_at_once(rig: Rig, emptied: None) -> None:
    """The oldest jobs, with their bodies; what is left waits for others."""
    ids = rig.enqueue(12)
    ada = rig.worker()
    taken = ada.claim_batch(10)

    assert taken.ids == ids[:10]
    assert len(taken.claimed.bodies) == 10
    assert ada.claim_batch(10).ids == []
    assert rig.ready() == ids[10:]
    ada.complete(taken)
    ada.complete(ada.claim_batch(2))


def test_an_open_batch_stays_in_redis_until_its_time_is_up(rig: Rig, emptied: None) -> None:
    """What a worker would keep in its own memory, ten workers would make ten thin batches of."""
    ids = rig.enqueue(3)
    ada = rig.worker()
    before = rig.dump(without=[rig.keys.clock])
    early = ada.claim_batch(10, timeout_ms=5 * SECOND)

    assert early.ids == []
    assert 4000 < early.claimed.closes_ms <= 5000
    assert rig.dump(without=[rig.keys.clock]) == before

    rig.move_clock(5 * SECOND)
    late = ada.claim_batch(10, timeout_ms=5 * SECOND)
    assert late.ids == ids
    assert late.claimed.waited_ms >= 5000
    ada.complete(late)


def test_the_time_counts_from_the_oldest_job(rig: Rig) -> None:
    """A job that comes late must not keep the first one waiting."""
    rig.enqueue(1)
    rig.move_clock(3 * SECOND)
    rig.enqueue(1)
    taken = rig.worker().claim_batch(10, timeout_ms=4 * SECOND)

    assert taken.ids == []
    assert taken.claimed.closes_ms <= 1000


def test_a_deep_queue_gives_full_batches_only(rig: Rig, emptied: None) -> None:
    """Its oldest job has waited for longer than the timeout, which must not make batches thin."""
    ids = rig.enqueue(95)
    rig.move_clock(HOUR)
    ada = rig.worker()
    sizes = []
    for _ in range(6):
        taken = ada.claim_batch(10, limit=2)
        sizes.append(len(taken.ids))
        ada.complete(taken)

    assert sizes == [20, 20, 20, 20, 10, 5]
    assert len(ids) == sum(sizes)


def test_a_claim_brings_no_more_than_a_thousand_jobs(rig: Rig) -> None:
    """Which bounds the time for which one script keeps all others waiting."""
    rig.enqueue(1000)
    rig.enqueue(1000)
    ada = rig.worker()

    assert len(ada.claim_batch(300, limit=100).ids) == 900
    assert len(ada.claim_batch(1000, limit=100).ids) == 1000


def test_only_jobs_of_one_handler_are_together(rig: Rig) -> None:
    """A batch is one call of one function."""
    rig.handlers = ("fax", "send")
    faxes, mails = [], []
    for _ in range(5):
        faxes += rig.enqueue(1, "fax")
        mails += rig.enqueue(1, "send")
    ada = rig.worker()
    first = ada.claim_batch(5, limit=10)
    second = ada.claim_batch(5, limit=10)

    assert first.ids == faxes
    assert second.ids == mails


def test_the_open_batch_of_one_handler_does_not_hold_up_the_full_one_of_another(rig: Rig) -> None:
    """Though its job is older."""
    rig.handlers = ("fax", "send")
    rig.enqueue(1, "fax")
    ids = rig.enqueue(10, "send")
    taken = rig.worker().claim_batch(10)

    assert taken.ids == ids
    assert markers(rig, "fax") == 1


def test_cancelled_jobs_are_skipped_and_others_take_their_places(rig: Rig, emptied: None) -> None:
    """Wherever they are in the list, and however many: a batch is thin for want of jobs only."""
    ids = rig.enqueue(300)
    gone = {*ids[:40], *ids[45:49], *ids[60:260]}
    rig.cancel(sorted(gone))
    live = [job_id for job_id in ids if job_id not in gone]
    ada = rig.worker()
    first = ada.claim_batch(30)
    rest = ada.claim_batch(30)
    rig.move_clock(MINUTE)
    last = ada.claim_batch(30)

    assert first.ids == live[:30]
    assert rest.ids == []
    assert last.ids == live[30:]
    assert rig.ready() == []
    ada.complete(first)
    ada.complete(last)


def test_a_cancelled_job_does_not_close_a_batch(rig: Rig) -> None:
    """Its time is not that of the jobs behind it."""
    old = rig.enqueue(1)
    rig.move_clock(MINUTE)
    ids = rig.enqueue(2)
    rig.cancel(old)
    ada = rig.worker()
    taken = ada.claim_batch(10, timeout_ms=10 * SECOND)

    assert taken.ids == []
    assert taken.claimed.closes_ms > 9000
    assert rig.ready() == ids


def test_a_list_of_cancelled_jobs_is_cleared(rig: Rig, emptied: None) -> None:
    """Nobody would ever pop them otherwise: they fill no batch."""
    rig.cancel(rig.enqueue(200))
    taken = rig.worker().claim_batch(10)

    assert (taken.ids, taken.claimed.closes_ms) == ([], 0)
    assert rig.ready() == []


def test_a_batch_of_long_jobs_is_cut_where_the_reply_has_no_more_room(rig: Rig) -> None:
    """A thousand of the longest jobs would be 256 MiB in one reply."""
    rig.enqueue(30, size=MAX_BODY)
    taken = rig.worker().claim_batch(30)

    assert 10 <= len(taken.ids) < 30
    assert sum(map(len, taken.claimed.bodies)) <= CLAIM_ROOM


def test_a_second_batch_that_does_not_fit_waits_whole(rig: Rig) -> None:
    """Rather than to be thin for want of room behind the first one."""
    rig.enqueue(30, size=MAX_BODY)
    taken = rig.worker().claim_batch(10, limit=3)

    assert len(taken.ids) == 10


def test_a_claim_that_leaves_jobs_behind_wakes_another_worker(rig: Rig) -> None:
    """Another batch may be full, or open with nobody who knows when it is due."""
    rig.enqueue(15)
    ada = rig.worker()
    rig.call("DEL", rig.keys.wake("send"))
    ada.claim_batch(10)

    assert markers(rig) == 1


def test_a_look_at_an_open_batch_wakes_nobody(rig: Rig) -> None:
    """The one who looked keeps its time; if each look woke the next one, none would sleep."""
    rig.enqueue(3)
    ada = rig.worker()
    rig.call("DEL", rig.keys.wake("send"))
    ada.claim_batch(10)

    assert markers(rig) == 0
    assert ada.claim_batch(10, limit=0).ids == []
    assert markers(rig) == 1


def test_a_lost_reply_is_answered_again(rig: Rig, emptied: None) -> None:
    """Its jobs would wait for a whole lease, though their worker lives."""
    rig.enqueue(25)
    ada = rig.worker()
    lost = ada.claim_batch(10, limit=2)
    again = ada.claim_batch(10, limit=2, again=True)

    assert len(lost.ids) == 20
    assert sorted(again.ids) == sorted(lost.ids)
    ada.complete(again)
    rig.move_clock(MINUTE)
    ada.complete(ada.claim_batch(10))


def test_a_paused_queue_gives_nothing(rig: Rig) -> None:
    """Pause binds here as for single jobs."""
    rig.enqueue(10)
    ada = rig.worker()
    rig.call("HSET", rig.keys.pause, "client", "0 1 ada test")
    taken = ada.claim_batch(10)

    assert (taken.ids, taken.claimed.paused_ms) == ([], -1)


def test_a_suspect_is_a_batch_of_one_and_runs_alone(rig: Rig, emptied: None) -> None:
    """It may kill its worker again: its neighbours must not be there."""
    ids = rig.enqueue(11)
    ada = rig.worker()
    taken = ada.claim(1)
    rig.call("HSET", rig.keys.suspects, ids[0], 0)
    ada.release(taken)
    busy = ada.claim_batch(10, holds=10)
    alone = ada.claim_batch(10)
    rest = ada.claim_batch(10)

    assert busy.suspicion is Suspicion.EMPTY_YOURSELF
    assert (alone.ids, alone.suspicion) == (ids[:1], Suspicion.RUN_ALONE)
    assert (rest.ids, rest.suspicion) == (ids[1:], Suspicion.NONE)
    ada.complete(alone)
    ada.complete(rest)


def test_a_clock_that_was_set_back_closes_an_open_batch(rig: Rig) -> None:
    """Until it has caught up an hour might pass: the job has waited long enough."""
    ids = rig.enqueue(1)
    rig.move_clock(-HOUR)

    assert rig.worker().claim_batch(10).ids == ids


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_every_job_is_claimed_once(rig: Rig, emptied: None, size: int) -> None:
    """Whatever the size of batches, nothing is lost between two claims."""
    ids = rig.enqueue(50)
    rig.run(rig.enqueueing([new_id()]))
    rig.move_clock(MINUTE)
    ada, seen = rig.worker(), []
    while taken := ada.claim_batch(size, limit=3).ids:
        seen += taken
        rig.call("DEL", rig.keys.running)
        rig.call("HDEL", rig.keys.jobs, *taken)

    assert len(seen) == 51
    assert seen[:50] == ids
