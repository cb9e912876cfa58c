"""schedule: jobs wait until they are due."""

from __future__ import annotations

from flume.commands import client
from flume.commands.client import Unique
from flume.commands.command import Argument
from flume.job import new_id
from tests.support.ids import new_ids
from tests.support.rig import MINUTE, Rig, body, interleaved


def test_a_job_waits_by_the_clock_of_the_server(rig: Rig) -> None:
    """A wait is counted where it is watched, so that no client's clock can shorten it."""
    before = rig.now_ms()
    (job_id,) = rig.schedule(wait_ms=MINUTE)
    due = rig.scores(rig.keys.scheduled)[f"{job_id} send"]

    assert before + MINUTE <= due <= rig.now_ms() + MINUTE
    assert rig.state(job_id) == "scheduled"
    assert rig.ready() == []
    assert rig.total("scheduled") == 1


def test_a_time_is_kept_to_the_millisecond(rig: Rig) -> None:
    """Lua writes 14 digits by itself, and the last ones are the time of day."""
    job: list[Argument] = [new_id(), body()]
    rig.run(client.schedule(rig.keys, rig.lane(), "send", job, due_ms=1_999_999_999_123))

    assert rig.call("ZRANGE", rig.keys.scheduled, 0, -1, "WITHSCORES")[1] == b"1999999999123"


def test_a_call_sent_twice_changes_nothing_more(rig: Rig) -> None:
    """Also after its job has run, when nothing else is left of it."""
    job: list[Argument] = [new_id(), body()]
    command = client.schedule(rig.keys, rig.lane(), "send", job)
    rig.run(command)
    before = rig.dump()
    rig.run(command)
    assert rig.dump() == before

    ada = rig.worker()
    rig.promote()
    ada.complete(ada.claim())
    rig.run(command)
    assert rig.fields(rig.keys.jobs) == {}


def test_a_job_that_is_kept_already_does_not_get_in_twice(rig: Rig) -> None:
    """Neither from another lane, nor from within one call, nor after it was made ready."""
    first, second, third = new_ids(3)
    rig.run(rig.enqueueing([first]))
    jobs = interleaved([first, second, third, second], body())
    rig.run(client.schedule(rig.keys, rig.lane(), "send", jobs, wait_ms=MINUTE))

    assert rig.call("ZCARD", rig.keys.scheduled) == rig.total("scheduled") == 2
    assert rig.state(first) == "ready"


def test_a_unique_job_holds_its_key_while_it_waits(rig: Rig) -> None:
    """A reminder for tomorrow is one reminder."""
    job_id = new_id()
    job: list[Argument] = [job_id, body()]
    unique = Unique("ada")
    command = client.schedule(rig.keys, rig.lane(), "send", job, unique, wait_ms=MINUTE)

    assert rig.run(command).holder is None
    assert rig.run(rig.enqueueing_unique(new_id())).holder == job_id
    assert rig.run(command).holder is None
