"""find, peek, counts and configure: what people and programs see of a queue."""

from __future__ import annotations

from collections.abc import Callable

from flume.commands import client
from flume.job import new_id
from tests.support.rig import HOUR, MINUTE, SECOND, Rig, body


def test_a_job_is_found_wherever_it_is(rig: Rig) -> None:
    """With its body, and with the score that says when."""
    ada = rig.worker()
    (job_id,) = rig.schedule(wait_ms=MINUTE)
    seen = [rig.find(job_id)]
    moves: list[Callable[[], object]] = [
        lambda: [rig.move_clock(HOUR), rig.promote()],
        lambda: ada.retry(ada.claim(), wait_ms=0),
        lambda: rig.promote() and ada.claim(),
        lambda: ada.claim(again=True).ids and ada.bury(ada.claim(again=True)),
    ]
    for move in moves:
        move()
        seen.append(rig.find(job_id))

    states = [found.state for found in seen if found]
    assert states == ["scheduled", "ready", "retrying", "running", "dead"]
    assert [bool(found and found.score) for found in seen] == [True, False, True, True, True]
    assert seen[0] is not None
    assert seen[0].body == body()


def test_a_job_that_is_gone_is_not_found(rig: Rig) -> None:
    """Completed, cancelled, or never enqueued."""
    rig.cancel(rig.enqueue())

    assert rig.find(new_id()) is None


def test_a_page_of_a_list_starts_at_either_end(rig: Rig) -> None:
    """The oldest come first, and the newest on request."""
    ids = rig.enqueue(5)
    source = rig.keys.ready("send")
    first = rig.run(client.peek(rig.keys, source, "ready", offset=1, limit=2)).found
    last = rig.run(client.peek(rig.keys, source, "ready", offset=1, limit=2, newest=True)).found

    assert [found.id for found in first] == ids[1:3]
    assert {found.id for found in last} == set(ids[2:4])
    assert first[0].body == body()
    assert abs((first[0].score or 0) - rig.now_ms()) < SECOND


def test_a_page_of_a_sorted_set_starts_at_either_end(rig: Rig) -> None:
    """Soonest due first."""
    ids = [job_id for wait in range(1, 5) for job_id in rig.schedule(wait_ms=wait * MINUTE)]
    first = rig.run(client.peek(rig.keys, rig.keys.scheduled, "scheduled", limit=2)).found
    last = rig.run(
        client.peek(rig.keys, rig.keys.scheduled, "scheduled", limit=2, newest=True)
    ).found

    assert [found.id for found in first] == ids[:2]
    assert [found.id for found in last] == [ids[3], ids[2]]


def test_a_page_leaves_out_what_was_cancelled_and_what_is_not_ours(rig: Rig) -> None:
    """An entry without a body is no job."""
    ids = rig.enqueue(3)
    rig.cancel(ids[:1])
    rig.call("RPUSH", rig.keys.ready("send"), "garbage", "")
    page = rig.run(client.peek(rig.keys, rig.keys.ready("send"), "ready")).found

    assert [found.id for found in page] == ids[1:]


def test_an_empty_place_gives_an_empty_page(rig: Rig) -> None:
    """Whatever it would hold."""
    assert rig.run(client.peek(rig.keys, rig.keys.dead, "dead")).found == []
    assert rig.run(client.peek(rig.keys, rig.keys.ready("send"), "ready", offset=100)).found == []


def test_counts_are_of_one_moment(rig: Rig) -> None:
    """Every state is counted by the same script, so that no job is seen twice or not at all."""
    ada = rig.worker()
    rig.enqueue(6)
    ada.bury(ada.claim(1))
    ada.retry(ada.claim(1))
    ada.claim(1)
    suspect = ada.claim(1)
    rig.call("HSET", rig.keys.suspects, suspect.ids[0], 0)
    ada.release(suspect)
    rig.schedule(2, wait_ms=HOUR)
    counts = rig.counts()

    assert (counts.ready, counts.scheduled, counts.retrying) == (3, 2, 1)
    assert (counts.running, counts.dead) == (1, 1)
    assert counts.totals == {"enqueued": 6, "buried": 1, "retried": 1, "scheduled": 2}


def test_latency_is_how_long_the_oldest_has_waited(rig: Rig) -> None:
    """Of all handlers, by the server's clock."""
    rig.handlers = ("fax", "post", "send")
    rig.enqueue(1, "fax")
    rig.move_clock(MINUTE)
    rig.enqueue(2, "send")
    counts = rig.counts()

    assert 60 <= counts.latency_s < 62
    assert counts.handlers["fax"].latency_s == counts.latency_s
    assert counts.handlers["send"].depth == 2
    assert counts.handlers["post"].latency_s == 0


def test_latency_does_not_jump_with_the_clock_nor_with_garbage(rig: Rig) -> None:
    """An alert on it would ring for nothing."""
    rig.enqueue()
    rig.move_clock(-HOUR)
    assert rig.counts().latency_s == 0
    for head in ("9" * 400 + ":x", "no number", ""):
        rig.call("LPUSH", rig.keys.ready("send"), head)
        assert rig.counts().latency_s < 1


def test_a_counter_that_holds_garbage_is_left_out(rig: Rig) -> None:
    """The others are still shown."""
    rig.enqueue(2)
    for name, value in (("x", "nan"), ("y", ""), ("z", "9" * 400)):
        rig.call("HSET", rig.keys.stats, name, value)

    assert rig.counts().totals == {"enqueued": 2}


def test_a_pause_is_seen(rig: Rig) -> None:
    """And one that has ended is not."""
    rig.call("HSET", rig.keys.pause, "client", f"{rig.now_ms() + MINUTE} 0 ada why")
    assert rig.counts().is_paused
    rig.move_clock(HOUR)

    assert not rig.counts().is_paused
