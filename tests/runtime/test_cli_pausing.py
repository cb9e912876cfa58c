"""``flume pause``, ``resume`` and ``pipelines`` on a real server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flume.cli.exits import Exit
from tests.support.command_line import flume, report
from tests.support.rig import HOUR, OWNER, Rig, Worker
from tests.support.servers import Server


@pytest.fixture
def ada(rig: Rig) -> Worker:
    """Return a live worker of a queue that is configured and has a job."""
    rig.call("SADD", "flume:queues", "orders")
    rig.configure(owner=replace(OWNER, name="shop/orders"))
    rig.enqueue()
    worker = rig.worker("ada")
    report(worker, handlers=["send"])
    return worker


def test_a_queue_is_paused_and_resumed(rig: Rig, server: Server, ada: Worker) -> None:
    """By name, with a reason and an end."""
    paused = flume("pause", "orders", "--reason", "vendor down", "--for", "1h", url=server.url)

    assert (paused.code, paused.out) == (0, "orders paused for 1h\n")
    assert ada.claim().claimed.paused_ms > HOUR - 10_000
    resumed = flume("resume", "orders", url=server.url)
    assert (resumed.code, resumed.out, resumed.err) == (0, "orders resumed\n", "")
    assert len(ada.claim().ids) == 1


def test_all_queues_are_paused_and_resumed(rig: Rig, server: Server, ada: Worker) -> None:
    """One command in an incident."""
    assert flume("pause", "--all", url=server.url).out == "1 queue paused, and those to come\n"
    assert rig.counts().is_paused
    assert flume("resume", "--all", url=server.url).out == "1 queue resumed\n"
    assert not rig.counts().is_paused


def test_one_worker_is_paused(rig: Rig, server: Server, ada: Worker) -> None:
    """Its id is what ``flume workers`` lists; an id that is none is refused."""
    ended = flume("pause", "orders", "--worker", "ada", url=server.url)
    assert ended.out == "worker ada of orders paused\n"
    assert ada.claim().claimed.paused_ms == -1
    flume("resume", "orders", "--worker", "ada", url=server.url)
    assert len(ada.claim().ids) == 1

    ended = flume("pause", "orders", "--worker", "bob", url=server.url)
    assert (ended.code, ended.out) == (Exit.NOT_FOUND, "")
    assert "queue orders has no worker bob" in ended.err


def test_who_does_not_answer_is_named_with_a_code_of_its_own(
    rig: Rig, server: Server, ada: Worker
) -> None:
    """A script that goes on to migrate a database must stop here."""
    ended = flume("pause", "orders", "--wait", "--timeout", "100ms", url=server.url)

    assert ended.code == Exit.UNACKNOWLEDGED
    assert "the pause is in force, but 1 live worker(s)" in ended.err
    assert "(orders: ada)" in ended.err
    assert rig.counts().is_paused
    change = rig.pause()
    report(ada, pause_seen=change)
    rig.call("DEL", rig.keys.workers)
    ended = flume("resume", "orders", "--wait", url=server.url)
    assert (ended.code, ended.lines[-1]) == (0, "every live worker knows")


def test_a_resume_says_what_still_holds(rig: Rig, server: Server, ada: Worker) -> None:
    """Else one would resume again and again, and wonder."""
    rig.pause("spec", reason="spec.paused is true")
    ended = flume("resume", "orders", url=server.url)

    assert "orders stays paused by spec (ada) since" in ended.err
    assert "spec.paused is true" in ended.err


def test_a_name_that_may_be_a_slip_is_pointed_out(rig: Rig, server: Server, ada: Worker) -> None:
    """It is paused all the same, for a queue may be paused before its first job."""
    ended = flume("pause", "order", url=server.url)

    assert ended.code == 0
    assert "no job and no worker has come to order yet. Did you mean orders?" in ended.err


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["pause"], "Give names of queues, or --all"),
        (["resume", "orders", "--all"], "Give names of queues, or --all"),
        (["pause", "a", "b", "--worker", "ada"], "is a worker of one queue"),
        (["pause", "--all", "--worker", "ada"], "is a worker of one queue"),
        (["pause", "No Queue"], "cannot name a queue"),
        (["pause", "orders", "--for", "soon"], "is no duration"),
        (["pause", "orders", "--for", "0s"], "cannot expire in"),
    ],
)
def test_what_makes_no_sense_is_refused(server: Server, args: list[str], sentence: str) -> None:
    """Before anything is paused."""
    ended = flume(*args, url=server.url)

    assert ended.code == Exit.USAGE
    assert sentence in ended.err
    assert server.call("KEYS", "*") == []


def test_pipelines_show_who_paused_what(rig: Rig, server: Server, ada: Worker) -> None:
    """Every source has a line: the queue runs again once all are gone."""
    rig.pause("spec", reason="spec.paused is true")
    rig.pause("client", lasts_ms=HOUR, reason="vendor\ndown")
    rig.pause("worker:ada", reason="odd")
    head, first, second, third = flume("pipelines", url=server.url).lines

    assert head.split("  ")[0] == "QUEUE"
    assert first.split()[:8] == "orders paused 1 1 0 shop/orders client ada".split()
    assert "in 60m" in first or "in 1h" in first or "in 59m" in first
    assert "vendor\\ndown" in first
    assert second.split()[:2] == ["spec", "ada"]
    assert "resumed" in second
    assert third.split()[:2] == ["worker:ada", "ada"]


def test_pipelines_as_json_have_stable_names(rig: Rig, server: Server, ada: Worker) -> None:
    """Dashboards read them."""
    rig.pause("worker:ada")
    (found,) = flume("pipelines", "--json", url=server.url).objects
    (pause,) = found.pop("pauses")

    assert found == {
        "queue": "orders",
        "configured": True,
        "owner": "shop/orders",
        "workers": 1,
        "ready": 1,
        "running": 0,
        "paused": False,
    }
    assert list(pause) == ["source", "worker", "by", "since", "until", "reason"]
    assert (pause["worker"], pause["by"], pause["until"]) == ("ada", "ada", None)


def test_garbage_is_shown_and_resumed_away(rig: Rig, server: Server, ada: Worker) -> None:
    """It counts as a pause, so one must see it and be rid of it without an editor for Redis."""
    rig.call("HSET", rig.keys.pause, "client", "no pause of ours", "stray\x1b", "0 1 ada why")
    lines = flume("pipelines", url=server.url).lines

    assert "paused" in lines[1]
    assert "unreadable: no pause of ours" in lines[1]
    assert "stray\\x1b" in lines[2]
    assert flume("resume", "orders", url=server.url).err == ""
    assert len(ada.claim().ids) == 1


def test_a_paused_worker_is_listed_as_such(rig: Rig, server: Server, ada: Worker) -> None:
    """It is live, and idle on purpose."""
    report(ada, paused=True)

    assert flume("workers", url=server.url).lines[1].split()[2] == "paused"
    assert flume("workers", "--json", url=server.url).objects[0]["paused"] is True
