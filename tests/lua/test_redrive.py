"""redrive: dead jobs run again as if they never had."""

from __future__ import annotations

from flume import operations
from flume.commands import client
from flume.commands.command import Command
from flume.job import new_id
from tests.support.rig import Rig, Taken, Worker, body, interleaved


def redrive(rig: Rig, ids: list[str], handler: str = "send") -> list[str]:
    """Make dead jobs ready."""
    return rig.run(client.redrive(rig.keys, handler, interleaved(ids, body(handler))))


def buried(rig: Rig, count: int) -> tuple[Worker, Taken]:
    """Return a worker that has given up ``count`` jobs."""
    rig.enqueue(count)
    ada = rig.worker()
    taken = ada.claim()
    ada.bury(taken, body=body(attempts=6))
    return ada, taken


def test_dead_jobs_are_ready_with_their_attempts_set_back(rig: Rig, emptied: None) -> None:
    """Behind those that wait, and some worker is woken."""
    ada, dead = buried(rig, 3)
    rig.call("DEL", rig.keys.wake("send"), rig.keys.handlers)

    assert redrive(rig, dead.ids) == dead.ids
    assert rig.ready() == dead.ids
    assert set(rig.fields(rig.keys.jobs).values()) == {body()}
    assert rig.content(rig.keys.handlers) == {b"send"}
    assert rig.call("ZCARD", rig.keys.wake("send")) == 1
    assert rig.total("redriven") == 3
    assert ada.complete(ada.claim()) == []


def test_a_job_that_is_not_dead_is_not_redriven(rig: Rig) -> None:
    """Purged, or redriven by somebody else in the meantime."""
    waiting = rig.enqueue()
    before = rig.dump()

    assert redrive(rig, [*waiting, new_id()]) == []
    assert rig.dump() == before


def test_a_call_sent_twice_changes_nothing_more(rig: Rig) -> None:
    """Also when the job has ended a second time before the copy comes."""
    ada, dead = buried(rig, 2)
    redrive(rig, dead.ids)
    before = rig.dump()
    assert redrive(rig, dead.ids) == []
    assert rig.dump() == before

    ada.complete(ada.claim())
    assert redrive(rig, dead.ids) == []
    assert rig.ready() == []


def test_the_first_run_cannot_end_the_second(rig: Rig) -> None:
    """A late outcome of a claim before the burial is refused."""
    ada, dead = buried(rig, 1)
    redrive(rig, dead.ids)
    ada.claim()

    assert ada.complete(dead) == [dead.ids[0].encode()]


def test_a_job_that_dies_again_at_once_is_redriven_once(rig: Rig) -> None:
    """Redriving all went on for as long as a broken handler was faster than it."""
    ada, dead = buried(rig, 1)
    operation, reply = operations.redrive(rig.keys), None
    count = redrives = 0
    while True:
        try:
            step = operation.send(reply)
        except StopIteration as ended:
            count = ended.value
            break
        assert isinstance(step, Command)
        reply = rig.run(step)
        if step.script == "redrive" and redrives < 5:
            redrives += 1
            ada.bury(ada.claim(), body=body(attempts=1))

    assert (count, redrives) == (1, 1)
    assert rig.state(dead.ids[0]) == "dead"
