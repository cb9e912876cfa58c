"""claim: the oldest ready jobs get a lease, all or nothing of each."""

from __future__ import annotations

import pytest

from flume.commands.worker import CLAIM_ROOM
from flume.job import new_id
from tests.support.rig import FENCES, HOUR, LEASE_MS, MINUTE, Rig, body

MAX_BODY = 256 * 1024


def test_the_oldest_jobs_come_with_their_bodies(rig: Rig, emptied: None) -> None:
    """One call brings what a worker needs to start."""
    ids = rig.enqueue(5)
    ada = rig.worker()
    taken = ada.claim(3)

    assert taken.ids == ids[:3]
    assert taken.claimed.bodies == [body()] * 3
    assert taken.claimed.paused_ms == 0
    assert [rig.state(job_id) for job_id in ids] == ["running"] * 3 + ["ready"] * 2
    assert ada.complete(taken) == []
    assert ada.complete(ada.claim()) == []


def test_a_score_holds_deadline_and_fence(rig: Rig) -> None:
    """An exact integer in a double: the last digits are the fence, and must survive."""
    (job_id,) = rig.enqueue()
    ada = rig.worker()
    before = rig.now_ms()
    fence = ada.claim().fence
    score = rig.score(job_id)
    deadline_ms = 1735689600000 + score // FENCES * 125

    assert score % FENCES == fence
    assert before + LEASE_MS <= deadline_ms <= rig.now_ms() + LEASE_MS + 125


def test_an_empty_queue_gives_nothing_and_leaves_no_key(rig: Rig, emptied: None) -> None:
    """An idle worker asks all day."""
    ada = rig.worker()
    before = rig.dump()

    assert ada.claim().ids == []
    assert rig.dump() == before


def test_two_workers_never_get_the_same_job(rig: Rig) -> None:
    """The race that a queue is there to decide."""
    ids = rig.enqueue(10)
    ada, bob = rig.worker("ada"), rig.worker("bob")
    taken = [worker.claim(2).ids for _ in range(3) for worker in (ada, bob)]

    assert [job_id for part in taken for job_id in part] == ids


def test_a_cancelled_job_that_is_enqueued_again_comes_once(rig: Rig, emptied: None) -> None:
    """Its entry from before is still in the list, and each of the two brought it."""
    ids = rig.enqueue(3)
    rig.cancel(ids[1:2])
    rig.run(rig.enqueueing(ids[1:2]))
    ada = rig.worker()
    taken = ada.claim()

    assert taken.ids == ids
    assert taken.claimed.bodies == [body()] * 3
    assert ada.complete(taken) == []
    assert ada.claim().ids == []


def test_its_other_entry_does_not_take_it_from_who_runs_it(rig: Rig, emptied: None) -> None:
    """Two workers ran it at the same time, and the first one's outcome was refused."""
    first, again, last = rig.enqueue(3)
    rig.cancel([again])
    rig.run(rig.enqueueing([again]))
    ada, bob = rig.worker("ada"), rig.worker("bob")
    mine = ada.claim(2)
    score = rig.score(again)
    others = bob.claim()

    assert (mine.ids, others.ids) == ([first, again], [last])
    assert rig.score(again) == score
    assert ada.complete(mine) == bob.complete(others) == []


def test_fences_differ_from_claim_to_claim_and_from_worker_to_worker(rig: Rig) -> None:
    """A job that was given back and claimed again is not the one of the first claim."""
    (job_id,) = rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    fences = set()
    for worker in (ada, bob, ada, ada):
        taken = worker.claim()
        fences.add(rig.score(job_id) % FENCES)
        worker.release(taken)

    assert len(fences) == 4


def test_a_lost_reply_is_answered_again(rig: Rig, emptied: None) -> None:
    """Its jobs would wait for a whole lease, though their worker lives."""
    ids = rig.enqueue(3)
    ada, bob = rig.worker("ada"), rig.worker("bob")
    lost = ada.claim(2)
    other = bob.claim(1)
    again = ada.claim(2, again=True)

    assert sorted(again.ids) == sorted(lost.ids) == sorted(ids[:2])
    assert again.claimed.bodies == lost.claimed.bodies
    assert rig.call("ZCARD", rig.keys.running) == 3
    ada.complete(again)
    bob.complete(other)


def test_a_lost_reply_is_answered_again_in_a_pause(rig: Rig) -> None:
    """They are running jobs by now, and a pause lets those finish."""
    rig.enqueue(2)
    ada = rig.worker()
    ada.claim()
    rig.call("HSET", rig.keys.pause, "client", "0 0 ada why")

    assert len(ada.claim(again=True).ids) == 2


def test_a_call_that_never_arrived_is_a_new_claim_when_sent_again(rig: Rig) -> None:
    """The worker cannot know whether the call or its reply was lost."""
    ids = rig.enqueue(2)
    ada = rig.worker()
    ada.claiming()

    assert ada.claim(again=True).ids == ids


def test_a_cancelled_job_is_skipped(rig: Rig, emptied: None) -> None:
    """Its body is gone; the entry costs nothing until somebody comes past it."""
    ids = rig.enqueue(4)
    rig.cancel([ids[0], ids[2]])
    ada = rig.worker()
    taken = ada.claim()

    assert taken.ids == [ids[1], ids[3]]
    ada.complete(taken)


def test_thousands_of_cancelled_jobs_are_passed_in_bounded_steps(rig: Rig) -> None:
    """A script that runs for long stops everybody; one that gives up early stops the queue."""
    for _ in range(8):
        rig.cancel(rig.enqueue(1000))
    last = rig.enqueue()
    ada = rig.worker()
    claims = 0
    while not (taken := ada.claim()).ids:
        claims += 1
        assert rig.call("ZCARD", rig.keys.wake("send")) == 1
        assert claims < 10

    assert taken.ids == last
    assert claims > 0


def test_of_several_lists_the_oldest_head_comes_first(rig: Rig) -> None:
    """A busy handler must not starve a rare one."""
    first = rig.enqueue(1, "fax")
    rig.move_clock(1000)
    second = rig.enqueue(1, "send")
    rig.move_clock(1000)
    third = rig.enqueue(1, "fax")
    ada = rig.worker()
    taken = [ada.claim(1, handlers=("send", "fax")).ids for _ in range(3)]

    assert taken == [first, second, third]


def test_one_claim_takes_from_several_lists(rig: Rig) -> None:
    """A call for each handler would cost as many round trips."""
    ids = {*rig.enqueue(30, "send"), *rig.enqueue(30, "fax"), *rig.enqueue(1, "post")}
    taken = rig.worker().claim(100, handlers=("send", "fax", "post"))

    assert {*taken.ids} == ids


def test_a_list_is_left_alone_where_the_worker_has_no_handler_for_it(rig: Rig) -> None:
    """A job whose handler nobody knows waits, visibly, until somebody does."""
    rig.enqueue(2, "unknown")
    taken = rig.worker().claim()

    assert taken.ids == []
    assert len(rig.ready("unknown")) == 2


def test_jobs_from_before_the_clock_was_set_back_are_the_oldest(rig: Rig) -> None:
    """Their time seems to lie ahead, and younger jobs would pass them for an hour."""
    old = rig.enqueue(1, "fax")
    rig.move_clock(-HOUR)
    young = rig.enqueue(1, "send")
    ada = rig.worker()
    claims = [ada.claim(1, handlers=("send", "fax")) for _ in range(2)]

    assert [claim.ids for claim in claims] == [old, young]
    assert [claim.claimed.waited_ms for claim in claims] == [0, pytest.approx(0, abs=1000)]


def test_a_garbage_entry_at_the_head_does_not_block_its_list(rig: Rig) -> None:
    """Whatever its number says, it is looked at and dropped."""
    ids = rig.enqueue(1)
    rig.call("LPUSH", rig.keys.ready("send"), "9" * 400 + ":x", "no number")
    rig.move_clock(1000)
    ids += rig.enqueue(1, "fax")
    taken = rig.worker().claim(handlers=("fax", "send"))

    assert sorted(taken.ids) == sorted(ids)
    assert rig.ready() == []


def test_a_reply_stays_below_four_mebibytes(rig: Rig) -> None:
    """Redis and the worker handle that in a few ms; what is left comes with the next claim."""
    for _ in range(4):
        rig.enqueue(10, size=MAX_BODY)
    ada = rig.worker()
    sizes, ids = [], set()
    while (taken := ada.claim(1000)).ids:
        sizes.append(sum(map(len, taken.claimed.bodies)))
        ids.update(taken.ids)

    assert len(ids) == 40
    assert max(sizes) <= CLAIM_ROOM
    assert min(sizes[:-1]) > CLAIM_ROOM - 2 * MAX_BODY


def test_a_job_larger_than_the_room_comes_by_itself(rig: Rig) -> None:
    """A cap that was raised must not leave a job that nobody can claim."""
    rig.enqueue(1, size=CLAIM_ROOM + 1)
    rig.enqueue(1)
    ada = rig.worker()

    assert [len(ada.claim().ids) for _ in range(3)] == [1, 1, 0]


def test_a_thousand_small_jobs_come_in_one_claim(rig: Rig) -> None:
    """The first guess of a body's size must not cut the claim short."""
    rig.enqueue(1000)

    assert len(rig.worker().claim(1000).ids) == 1000


def test_what_is_left_leaves_a_marker_for_the_next_worker(rig: Rig) -> None:
    """The worker who was woken wakes the next one, so that nobody has to poll."""
    rig.enqueue(3)
    ada = rig.worker()
    rig.call("DEL", rig.keys.wake("send"))
    ada.claim(2)
    left = rig.call("ZCARD", rig.keys.wake("send"))
    rig.call("DEL", rig.keys.wake("send"))
    ada.claim(2)

    assert left == 1
    assert rig.call("ZCARD", rig.keys.wake("send")) == 0


@pytest.mark.parametrize(
    ("pauses", "paused_ms"),
    [
        ({"operator": "0 0 op why"}, -1),
        ({"client": "no time at all"}, -1),
        ({"client": "9" * 400}, -1),
        ({"client": "1 0 ada over"}, 0),
        ({"client": "1 0 ada over", "operator": "0 0 op why"}, -1),
    ],
)
def test_a_pause_binds_in_the_claim_itself(
    rig: Rig, pauses: dict[str, str], paused_ms: int
) -> None:
    """After the write nobody claims, whatever a worker has heard of it."""
    rig.enqueue()
    ada = rig.worker()
    for source, value in pauses.items():
        rig.call("HSET", rig.keys.pause, source, value)
    taken = ada.claim()

    assert taken.claimed.paused_ms == paused_ms
    assert len(taken.ids) == (1 if paused_ms == 0 else 0)


def test_a_pause_with_an_end_says_how_long_to_wait(rig: Rig) -> None:
    """The longest of several counts, and it ends by itself."""
    rig.enqueue()
    ada = rig.worker()
    now = rig.now_ms()
    rig.call("HSET", rig.keys.pause, "client", f"{now + MINUTE} 0 ada why")
    rig.call("HSET", rig.keys.pause, "operator", f"{now + HOUR} 0 op why")

    assert HOUR - 1000 < ada.claim().claimed.paused_ms <= HOUR
    rig.move_clock(2 * HOUR)
    assert len(ada.claim().ids) == 1


def test_a_body_that_cannot_be_read_is_handed_out_as_it_is(rig: Rig) -> None:
    """Only the worker can tell, and it buries the job with its bytes."""
    job_id = new_id()
    rig.run(rig.enqueueing([job_id]))
    rig.call("HSET", rig.keys.jobs, job_id, b"\xff\x00 no json")
    taken = rig.worker().claim()

    assert taken.claimed.bodies == [b"\xff\x00 no json"]
