"""How jobs become calls, and how a call that got no answer is told from a new one."""

import os
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flume.commands.client import ENQUEUE_AT_ONCE, Lane, Sent
from flume.errors import ConfigurationError, HandlerError, NotJsonError
from flume.handler import ref
from flume.job import Job
from flume.keys import Keys
from flume.sending import CALL_BYTES, Call, Due, Lanes, as_job, call_of, plan

KEYS = Keys("email")
LIMIT = 256 * 1024
STORED = Sent(None)


def planned(jobs: list[Job], lanes: Lanes | None = None, due: Due | None = None) -> list[Call]:
    """Return all calls that carry ``jobs``."""
    return list(plan(KEYS, jobs, lanes or Lanes(), limit=LIMIT, due=due))


def sent(jobs: list[Job], lanes: Lanes) -> list[Call]:
    """Return all calls that carry ``jobs``, each answered before the next is made."""
    calls = []
    for call in plan(KEYS, jobs, lanes, limit=LIMIT):
        lanes.answered(call, STORED)
        calls.append(call)
    return calls


def carried(calls: Iterable[Call]) -> list[str]:
    """Return the ids that calls carry, in order."""
    return [job.id for call in calls for job in call.jobs]


def made(count: int, handler: str = "app.send", **options: Any) -> list[Job]:
    """Return new jobs."""
    return [ref(handler).using(**options).job(number) for number in range(count)]


def test_jobs_of_one_handler_share_a_call_in_their_order() -> None:
    """A thousand jobs are one round trip."""
    jobs = made(ENQUEUE_AT_ONCE)
    [call] = planned(jobs)

    assert call.queue == "email"
    assert call.command.script == "enqueue"
    assert carried([call]) == [job.id for job in jobs]


def test_a_call_has_at_most_a_thousand_jobs() -> None:
    """Lua cannot unpack many thousands, and a script must not run for long."""
    calls = planned(made(2 * ENQUEUE_AT_ONCE + 1))

    assert [len(call.jobs) for call in calls] == [ENQUEUE_AT_ONCE, ENQUEUE_AT_ONCE, 1]


def test_a_call_ends_with_the_job_that_brings_it_to_a_mebibyte() -> None:
    """A thousand jobs of 256 KiB would be one request of 256 MiB."""
    jobs = [ref("app.send").job("x" * 200_000) for _ in range(20)]
    calls = planned(jobs)

    assert [len(call.jobs) for call in calls] == [6, 6, 6, 2]
    for call in calls:
        assert sum(len(str(item)) for item in call.command.args) < CALL_BYTES + LIMIT


def test_each_handler_has_calls_of_its_own() -> None:
    """A call names the one ready list that it appends to."""
    jobs = [job for pair in zip(made(3, "a"), made(3, "b"), strict=True) for job in pair]
    calls = planned(jobs)

    assert [{job.handler for job in call.jobs} for call in calls] == [{"a"}, {"b"}]
    assert carried(calls) == [job.id for job in (*jobs[::2], *jobs[1::2])]


def test_a_unique_job_has_a_call_of_its_own() -> None:
    """Its answer is about one job: stored, or who holds the key."""
    calls = planned(made(1, unique="a") + made(1, unique="b"))

    assert [call.command.script for call in calls] == ["enqueue_unique"] * 2
    assert [call.command.args[3] for call in calls] == ["a", "b"]


def test_unique_jobs_keep_their_place_among_those_of_their_handler() -> None:
    """The order of one handler's jobs holds, also where their calls differ."""
    other, first, unique, last = (
        made(2, "b"),
        made(2),
        made(1, unique="a", unique_for=timedelta(seconds=1)),
        made(2),
    )
    calls = planned(other + first + unique + last)
    mine = [call for call in calls if call.jobs[0].handler == "app.send"]

    assert carried(mine) == [job.id for job in first + unique + last]
    assert [len(call.jobs) for call in mine] == [2, 1, 2]


@pytest.mark.parametrize("due", [Due(wait_ms=5), Due(at_ms=7)])
def test_scheduled_jobs_carry_their_time(due: Due) -> None:
    """One call schedules many jobs for one time, by Redis' clock where it is a wait."""
    plain, unique = planned(made(2) + made(1, unique="a"), due=due)

    assert {plain.command.script, unique.command.script} == {"schedule"}
    for call in (plain, unique):
        assert list(call.command.args[5:7]) == ["" if due.at_ms is None else 7, due.wait_ms]


def test_no_jobs_are_no_call() -> None:
    """`enqueue_many` of an empty list asks nothing of Redis."""
    assert planned([]) == []


def test_a_job_that_cannot_be_kept_stops_the_plan_before_its_call() -> None:
    """What was sent before it is stored; all of it can be sent again."""
    jobs = [*made(ENQUEUE_AT_ONCE), ref("app.send").job((1,))]
    calls = plan(KEYS, jobs, Lanes(), limit=LIMIT)

    assert len(next(calls).jobs) == ENQUEUE_AT_ONCE
    with pytest.raises(NotJsonError):
        next(calls)


def test_a_job_that_is_listed_twice_is_sent_once() -> None:
    """Its id would stand in the ready list twice, and two workers could hold it."""
    [job] = made(1)
    [call] = planned([job, *made(1), job])

    assert len(call.jobs) == 2
    assert carried([call]).count(job.id) == 1


def test_a_job_that_is_listed_twice_far_apart_is_sent_once() -> None:
    """The first may have run by the time the second call comes, and would run again."""
    [job] = made(1)
    calls = planned([job, *made(ENQUEUE_AT_ONCE), job])

    assert carried(calls).count(job.id) == 1


def test_what_this_client_has_stored_is_left_out_when_it_is_sent_again() -> None:
    """After an error all jobs of a list are sent again, and the first of them may have run."""
    lanes = Lanes()
    jobs = made(3)
    sent(jobs[:2], lanes)

    [call] = planned(jobs, lanes)

    assert carried([call]) == [jobs[2].id]
    assert [job.queue for job in jobs] == ["email", "email", None]


def test_what_one_client_has_stored_another_one_sends() -> None:
    """It may be a client of another Redis."""
    jobs = made(2)
    sent(jobs, Lanes())

    assert carried(planned(jobs, Lanes())) == [job.id for job in jobs]


def test_a_job_can_go_into_a_second_queue() -> None:
    """It is another job there, with its own life."""
    lanes = Lanes()
    jobs = made(1)
    sent(jobs, lanes)

    [call] = plan(Keys("audit"), jobs, lanes, limit=LIMIT)
    lanes.answered(call, STORED)

    assert jobs[0].queue == "audit"


def test_a_job_that_was_refused_as_a_duplicate_is_sent_again() -> None:
    """It is not in Redis, and by now its key may be free."""
    lanes = Lanes()
    [job] = made(1, unique="a")
    [call] = planned([job], lanes)
    lanes.answered(call, Sent("another"))

    assert job.queue is None
    assert carried(planned([job], lanes)) == [job.id]


def test_a_call_in_doubt_is_repeated_as_it_was_with_all_of_its_jobs() -> None:
    """Only the very same call can be told from a new one, whichever of its jobs is sent."""
    lanes = Lanes()
    jobs = made(3)
    [call] = planned(jobs, lanes)
    call.is_in_doubt()

    assert planned([jobs[1]], lanes) == [call]
    assert planned([jobs[2], jobs[0], jobs[2]], lanes) == [call]


def test_a_call_in_doubt_keeps_its_place_among_those_of_its_handler() -> None:
    """What came before it in the list goes before it."""
    lanes = Lanes()
    doubtful = made(2)
    [call] = planned(doubtful, lanes)
    call.is_in_doubt()
    before, after = made(1), made(1)

    assert carried(planned(before + doubtful + after, lanes)) == [
        job.id for job in before + doubtful + after
    ]


def test_another_client_can_repeat_a_call_in_doubt() -> None:
    """An app that makes a new client after an error must not double its jobs."""
    [job] = made(1)
    [call] = planned([job])
    call.is_in_doubt()

    assert planned([job], Lanes()) == [call]


def test_a_job_in_doubt_is_refused_by_another_queue() -> None:
    """It may be in the first one, so that sending it elsewhere would make it two."""
    lanes = Lanes()
    [job] = made(1)
    [call] = planned([job], lanes)
    call.is_in_doubt()

    with pytest.raises(ConfigurationError, match="may be in the queue email already"):
        list(plan(Keys("audit"), [job], lanes, limit=LIMIT))


def test_an_answer_ends_the_doubt_for_all_jobs_of_a_call() -> None:
    """Those that nobody sends again are known to be stored too."""
    lanes = Lanes()
    jobs = made(2)
    [call] = planned(jobs, lanes)
    call.is_in_doubt()

    lanes.answered(call, STORED)

    assert [(job.queue, job.in_doubt) for job in jobs] == [("email", None)] * 2
    assert planned(jobs, lanes) == []


def test_a_lane_has_one_call_at_a_time_and_counts_its_calls() -> None:
    """A script takes a number that is not above the last one for a resend."""
    lanes = Lanes()
    first, second = lanes.take(), lanes.take()

    assert first.name != second.name
    assert (first.number, second.number) == (1, 1)


def test_a_lane_that_was_given_back_goes_on_with_the_next_number() -> None:
    """A client that makes one call after the other needs one lane, however many calls it makes."""
    lanes = Lanes()
    calls = [sent(made(1), lanes)[0] for _ in range(3)]

    assert {call.lane.name for call in calls} == {calls[0].lane.name}
    assert [call.lane.number for call in calls] == [1, 2, 3]


def test_the_lane_of_a_call_in_doubt_is_never_used_again() -> None:
    """The call may still be on its way, and would be taken for one that came after it."""
    lanes = Lanes()
    [call] = planned(made(1), lanes)
    call.is_in_doubt()
    lanes.answered(call, STORED)

    assert lanes.take().name != call.lane.name


def test_many_who_repeat_one_call_do_not_put_two_calls_in_its_lane() -> None:
    """Ten callers of `AsyncClient` share a call.  Where it got no answer each of them repeats it.

    Two calls that then meet in one lane, with one number, would take each other for a resend: the
    jobs of one would be lost without a word.
    """
    lanes = Lanes()
    jobs = made(10)
    [call] = planned(jobs, lanes)
    call.is_in_doubt()
    for job in jobs:
        [again] = planned([job], lanes) or [call]
        lanes.answered(again, STORED)

    taken = [lanes.take() for _ in range(20)]

    assert len({(lane.name, lane.number) for lane in taken}) == 20


@given(st.lists(st.sampled_from(["send", "answer", "doubt", "repeat"]), max_size=60))
def test_no_two_calls_ever_share_a_place_in_a_lane(steps: list[str]) -> None:
    """In whatever order calls are sent, answered, given up and repeated."""
    lanes = Lanes()
    under_way: list[Call] = []
    doubtful: list[Call] = []
    made_calls: dict[int, Call] = {}
    for step in steps:
        if step == "send":
            [call] = planned(made(1), lanes)
            made_calls[id(call)] = call
            under_way.append(call)
        elif step == "answer" and under_way:
            lanes.answered(under_way.pop(0), STORED)
        elif step == "doubt" and under_way:
            under_way[-1].is_in_doubt()
            doubtful.append(under_way.pop())
        elif step == "repeat" and doubtful:
            lanes.answered(doubtful[0], STORED)

    places: dict[str, list[int]] = {}
    for call in made_calls.values():
        places.setdefault(call.lane.name, []).append(call.lane.number)
    assert all(
        later == sooner + 1 for numbers in places.values() for sooner, later in pairwise(numbers)
    )


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the child only counts
def test_a_fork_uses_lanes_of_its_own() -> None:
    """Parent and child would count on in one lane, and each take the other's call for a resend."""
    lanes = Lanes()
    [call] = sent(made(1), lanes)
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writable, lanes.take().name.encode())
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as pipe:
        theirs = pipe.read()
    os.waitpid(child, 0)

    assert len(theirs) == len(call.lane.name)
    assert theirs != call.lane.name
    assert lanes.take() == Lane(call.lane.name, 2)


def test_a_handler_is_an_object_a_ref_or_a_name() -> None:
    """A name is for code that has only strings, such as the command line."""
    for handler in ("app.send", ref("app.send")):
        job = as_job(handler, (1,), {"a": 2})
        assert (job.handler, job.args, job.kwargs) == ("app.send", [1], {"a": 2})


@pytest.mark.parametrize("thing", [print, None, 5, lambda: None])
def test_what_is_no_handler_is_refused_with_what_to_do(thing: Any) -> None:
    """The decorator is what people forget."""
    with pytest.raises(HandlerError, match="is no handler: put @handler above the function"):
        as_job(thing, (), {})


def test_the_short_way_of_one_job_makes_the_same_call() -> None:
    """What most calls are has a way of its own, for speed and for nothing else."""
    [job] = made(1)
    [usual] = planned([job])
    short = call_of(job, bytes(str(usual.command.args[-1]), "utf-8"), KEYS, Lanes())

    assert (short.queue, short.jobs) == (usual.queue, usual.jobs)
    assert (short.command.script, list(short.command.keys)) == ("enqueue", list(usual.command.keys))
    assert list(short.command.args[1:4]) == list(usual.command.args[1:4])
