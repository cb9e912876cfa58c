"""promote: jobs that are due become ready, once each."""

from __future__ import annotations

import pytest

from flume.job import new_id
from tests.support.rig import MINUTE, SECOND, Rig, body


def test_due_jobs_become_ready_soonest_first(rig: Rig, emptied: None) -> None:
    """In the order of their times, not of their arrival."""
    late = rig.schedule(wait_ms=3 * SECOND)
    soon = rig.schedule(wait_ms=SECOND)
    rig.move_clock(MINUTE)
    rig.call("DEL", rig.keys.wake("send"))

    assert rig.promote() == 2
    assert rig.ready() == soon + late
    assert rig.call("ZCARD", rig.keys.wake("send")) == 1
    ada = rig.worker()
    ada.complete(ada.claim())


def test_a_job_that_is_not_due_waits(rig: Rig) -> None:
    """At or after its time, never before."""
    rig.schedule(wait_ms=MINUTE)
    rig.move_clock(MINUTE - 2 * SECOND)
    before = rig.dump()

    assert rig.promote() == 0
    assert rig.dump() == before


def test_each_job_goes_to_the_list_of_its_handler(rig: Rig) -> None:
    """Its name is beside its id, so that no body has to be read."""
    mails = rig.schedule(2, "send")
    faxes = rig.schedule(2, "fax")
    rig.handlers = ("fax", "send")
    rig.promote()

    assert sorted(rig.ready("send")) == sorted(mails)
    assert sorted(rig.ready("fax")) == sorted(faxes)


def test_two_workers_that_promote_at_once_move_each_job_once(rig: Rig) -> None:
    """There is no leader."""
    ids = rig.schedule(5)

    assert [rig.promote(), rig.promote()] == [5, 0]
    assert sorted(rig.ready()) == sorted(ids)


def test_a_call_takes_no_more_than_its_limit_of_each(rig: Rig) -> None:
    """A million jobs of one moment must not stop Redis for everybody."""
    rig.schedule(5)

    assert [rig.promote(2) for _ in range(4)] == [2, 2, 1, 0]
    assert len(rig.ready()) == 5


def test_a_cancelled_job_never_runs(rig: Rig, emptied: None) -> None:
    """Its member is moved like any other, and skipped by the claim."""
    rig.cancel(rig.schedule(2))
    rig.promote()

    assert rig.worker().claim().ids == []


def test_a_handler_newer_than_the_callers_list_waits_for_the_next_look(rig: Rig) -> None:
    """The caller read the names before the job came: it must not be taken for garbage."""
    (job_id,) = rig.schedule(1, "fax")
    assert rig.promote() == 1
    assert rig.state(job_id) == "scheduled"
    rig.move_clock(SECOND)
    rig.handlers = ("send", "fax")

    assert rig.promote() == 1
    assert rig.ready("fax") == [job_id]


@pytest.mark.parametrize(
    "member",
    [
        "stray",
        "stray send",
        "a" * 31 + " send",
        "a" * 32,
        "a" * 32 + " send more",
        "",
        " ",
        "g " * 9,
    ],
)
def test_a_member_that_is_not_ours_is_dropped(rig: Rig, member: str, emptied: None) -> None:
    """It would be due at every tick, for ever."""
    rig.call("ZADD", rig.keys.scheduled, 0, member)
    rig.call("ZADD", rig.keys.retrying, "-inf", member)
    rig.promote()

    assert rig.promote() == 0


def test_a_member_that_is_not_ours_and_has_a_body_is_a_dead_letter(rig: Rig) -> None:
    """A body is kept until somebody has looked at it."""
    rig.call("HSET", rig.keys.jobs, "stray", b"what is this")
    rig.call("ZADD", rig.keys.scheduled, 0, "stray send")
    rig.promote()

    assert rig.state("stray") == "dead"


def test_a_job_whose_member_names_a_strange_handler_is_a_dead_letter(rig: Rig) -> None:
    """Its body names another one: somebody has written one of the two."""
    job_id = new_id()
    rig.call("HSET", rig.keys.jobs, job_id, body("send"))
    rig.call("ZADD", rig.keys.retrying, 0, f"{job_id} strange")
    rig.promote()

    assert rig.state(job_id) == "dead"


def test_an_empty_handler_name_does_not_stop_the_others(rig: Rig) -> None:
    """The set of names may hold anything, and each becomes keys of the call."""
    ids = rig.schedule(2)
    rig.handlers = ("", "send", "sp ace", "br}ace", "new\nline", ":ready:")
    rig.promote()

    assert sorted(rig.ready()) == sorted(ids)


def test_a_prefix_that_looks_like_a_ready_list_does_not_confuse_it(rig: Rig) -> None:
    """Names are read behind the hash tag, which no prefix can contain."""
    rig.keys = type(rig.keys)("orders", "team:ready:a")
    ids = rig.schedule(2)
    rig.promote()

    assert sorted(rig.ready()) == sorted(ids)
