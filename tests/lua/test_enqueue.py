"""enqueue: jobs become ready once, whatever happens to the reply."""

from __future__ import annotations

from flume.commands.client import Lane
from flume.job import new_id
from tests.support.ids import new_ids
from tests.support.rig import MINUTE, Rig, body


def test_jobs_become_ready_in_the_order_of_the_call(rig: Rig) -> None:
    """Whoever enqueues several jobs expects the first to run first."""
    ids = rig.enqueue(3) + rig.enqueue(2)

    assert rig.ready() == ids
    assert rig.fields(rig.keys.jobs) == dict.fromkeys(ids, body())
    assert rig.content(rig.keys.handlers) == {b"send"}
    assert rig.scores(rig.keys.wake("send")) == {"1": 0.0}
    assert rig.total("enqueued") == 5


def test_a_job_is_ready_since_the_server_says_so(rig: Rig) -> None:
    """Clocks of clients lie, and the oldest list is claimed first."""
    before = rig.now_ms()
    rig.enqueue()
    ready_ms = int(rig.call("LINDEX", rig.keys.ready("send"), 0).split(b":")[0])

    assert before <= ready_ms <= rig.now_ms()


def test_a_call_sent_twice_changes_nothing_more(rig: Rig) -> None:
    """A reply can be lost on its way, and the client cannot know whether the call was applied."""
    for count in (1, 2):
        command = rig.enqueueing(new_ids(count))
        rig.run(command)
        before = rig.dump()
        rig.run(command)

        assert rig.dump() == before


def test_a_call_sent_again_after_its_jobs_have_run_does_not_run_them_again(rig: Rig) -> None:
    """Nothing is left of a completed job; the lane remembers that its call was applied."""
    ada = rig.worker()
    command = rig.enqueueing(new_ids(2))
    rig.run(command)
    ada.complete(ada.claim())
    rig.run(command)

    assert rig.ready() == []
    assert rig.total("enqueued") == 2


def test_the_next_call_of_a_lane_is_a_new_one(rig: Rig) -> None:
    """A lane carries one call after the other."""
    first, second = new_ids(2)
    rig.run(rig.enqueueing([first], lane=Lane("x", 1)))
    rig.run(rig.enqueueing([second], lane=Lane("x", 2)))

    assert rig.ready() == [first, second]


def test_a_job_that_is_kept_already_does_not_get_in_twice(rig: Rig) -> None:
    """The same object may be sent by another call, in another lane."""
    ids = list(new_ids(3))
    rig.run(rig.enqueueing(ids[:2]))
    rig.run(rig.enqueueing(ids))
    rig.run(rig.enqueueing(ids[:1]))

    assert rig.ready() == ids
    assert rig.total("enqueued") == 3


def test_a_job_named_twice_in_one_call_gets_in_once(rig: Rig) -> None:
    """Two entries of one job would run it twice at once, and the second run would lose."""
    job_id, other = new_ids(2)
    rig.run(rig.enqueueing([job_id, other, job_id]))

    assert rig.ready() == [job_id, other]
    assert rig.total("enqueued") == 2


def test_a_thousand_jobs_fit_in_one_call(rig: Rig) -> None:
    """The bound of a call is what Lua can unpack, with a margin."""
    assert rig.ready() == []
    assert len(rig.enqueue(1000)) == len(rig.ready()) == 1000


def test_a_lane_that_holds_garbage_is_used_again(rig: Rig) -> None:
    """A client whose lane was overwritten must not be refused for ever."""
    rig.call("HSET", rig.keys.senders, "x", "no number")
    rig.run(rig.enqueueing([new_id()], lane=Lane("x", 1)))

    assert len(rig.ready()) == 1


def test_a_counter_that_holds_garbage_begins_again(rig: Rig) -> None:
    """An error after the job was stored would make the client send it again."""
    rig.call("HSET", rig.keys.stats, "enqueued", "many")
    rig.enqueue(2)

    assert rig.total("enqueued") == 2


def test_a_unique_job_is_refused_while_another_lives(rig: Rig) -> None:
    """That is what a unique key is for, whatever state the other job is in."""
    first, second = new_ids(2)
    rig.run(rig.enqueueing_unique(first))
    ada = rig.worker()
    waiting = rig.run(rig.enqueueing_unique(second)).holder
    taken = ada.claim()
    running = rig.run(rig.enqueueing_unique(second)).holder
    ada.retry(taken)
    retrying = rig.run(rig.enqueueing_unique(second)).holder

    assert [waiting, running, retrying] == [first] * 3
    assert rig.total("enqueued") == 1


def test_a_unique_key_is_free_when_its_job_ends(rig: Rig) -> None:
    """However it ends: completed, dead or cancelled."""
    ada = rig.worker()
    for end in (
        lambda: ada.complete(ada.claim()),
        lambda: ada.bury(ada.claim()),
        lambda: rig.cancel(rig.ready()),
    ):
        assert rig.run(rig.enqueueing_unique(new_id())).holder is None
        end()
        assert rig.call("EXISTS", rig.keys.unique, rig.keys.unique_of) == 0


def test_a_unique_key_is_free_when_its_time_is_over(rig: Rig) -> None:
    """The old job keeps running and must not take the key from the new one when it ends."""
    old, new, third = new_ids(3)
    ada = rig.worker()
    rig.run(rig.enqueueing_unique(old, hold_ms=MINUTE))
    assert rig.run(rig.enqueueing_unique(new)).holder == old
    rig.move_clock(2 * MINUTE)
    assert rig.run(rig.enqueueing_unique(new)).holder is None
    assert ada.complete(ada.claim(1)) == []

    assert rig.run(rig.enqueueing_unique(third)).holder == new


def test_a_unique_call_sent_twice_does_not_meet_itself(rig: Rig) -> None:
    """The holder of the key is the very job of the call: that is no duplicate."""
    job_id = new_id()
    command = rig.enqueueing_unique(job_id)
    rig.run(command)
    before = rig.dump()

    assert rig.run(command).holder is None
    assert rig.run(rig.enqueueing_unique(job_id)).holder is None
    assert rig.dump() == before
