"""``flume cancel``, ``purge`` and ``dead`` on a real server."""

from __future__ import annotations

import pytest

from flume.codec import Body, encode
from tests.support.command_line import flume
from tests.support.rig import Rig
from tests.support.servers import Server


def _bury(rig: Rig, count: int, handler: str = "send") -> list[str]:
    """Return the ids of new dead jobs."""
    rig.handlers = tuple({*rig.handlers, handler})
    worker = rig.worker()
    ids = rig.enqueue(count, handler)
    while (taken := worker.claim()).ids:
        worker.bury(taken, body=encode(Body(handler, attempts=6, error="ValueError: no")))
    return ids


def test_cancelled_ids_are_printed(rig: Rig, server: Server) -> None:
    """The output is what was done, not what was asked for."""
    first, second, third = rig.enqueue(3)

    ended = flume("cancel", "orders", first, third, first, url=server.url)

    assert ended.code == 0
    assert sorted(ended.lines) == sorted([first, third])
    assert rig.state(second) == "ready"
    assert rig.state(first) is None


def test_a_job_that_is_not_there_cannot_be_cancelled(rig: Rig, server: Server) -> None:
    """The others are cancelled all the same, and the exit code says that one was not."""
    (job_id,) = rig.enqueue()

    ended = flume("cancel", "orders", "nothing", job_id, "--json", url=server.url)

    assert ended.code == 5
    assert ended.objects == [
        {"id": "nothing", "cancelled": False},
        {"id": job_id, "cancelled": True},
    ]
    assert "queue orders has no job nothing" in ended.err


def test_a_dead_job_is_not_cancelled(rig: Rig, server: Server) -> None:
    """It does not run any more; its error is kept until someone purges it."""
    first, second = _bury(rig, 2)

    ended = flume("cancel", "orders", first, second, url=server.url)

    assert ended.code == 5
    assert f"job {first} is dead" in ended.err
    assert "2 jobs were not cancelled" in ended.err
    assert rig.counts().dead == 2


@pytest.mark.parametrize("state", ["ready", "scheduled", "retrying", "dead"])
def test_one_state_is_purged_and_the_others_are_left(rig: Rig, server: Server, state: str) -> None:
    """Purging ready jobs must not touch those for tomorrow."""
    _bury(rig, 2)
    rig.enqueue(2)
    worker = rig.worker()
    worker.retry(worker.claim())
    rig.enqueue(2)
    rig.schedule(2, wait_ms=60_000)

    ended = flume("purge", "orders", "--state", state, "--yes", url=server.url)

    counts = rig.counts()
    left = {name: getattr(counts, name) for name in ("ready", "scheduled", "retrying", "dead")}
    assert ended.out == "2 jobs purged\n"
    assert left == {"ready": 2, "scheduled": 2, "retrying": 2, "dead": 2} | {state: 0}


@pytest.mark.parametrize(
    "args",
    [
        ["purge", "orders", "--state", "ready"],
        ["dead", "purge", "orders"],
        ["dead", "redrive", "orders"],
        ["dead", "redrive", "orders", "--handler", "send"],
    ],
)
def test_nothing_is_done_where_nobody_can_be_asked(
    rig: Rig, server: Server, args: list[str]
) -> None:
    """A script that forgets --yes must not delete a queue, nor send its mails again."""
    rig.enqueue(2)
    before = rig.dump()

    ended = flume(*args, url=server.url, given="y\n")

    assert ended.code == 2
    assert "give --yes" in ended.err
    assert rig.dump() == before


def test_dead_jobs_are_listed_with_their_errors_newest_first(rig: Rig, server: Server) -> None:
    """What died last is what one looks for."""
    (older,) = _bury(rig, 1)
    rig.call("ZADD", rig.keys.dead, 1, older)
    (newer,) = _bury(rig, 1)

    lines = flume("dead", "list", "orders", url=server.url).lines

    assert [line.split()[0] for line in lines[1:]] == [newer, older]
    assert "ValueError: no" in lines[1]


def test_dead_jobs_of_one_handler_are_found_among_many(rig: Rig, server: Server) -> None:
    """A broken handler should not be hidden by another that fails more often."""
    wanted = _bury(rig, 3, "rare")
    _bury(rig, 450, "send")

    listed = flume(
        "dead", "list", "orders", "--handler", "rare", "--limit", "2", "--json", url=server.url
    )

    assert len(listed.objects) == 2
    assert {str(job["id"]) for job in listed.objects} < set(wanted)


def test_one_dead_job_is_listed_by_id(rig: Rig, server: Server) -> None:
    """And one that lives is not."""
    first, _ = _bury(rig, 2)
    (living,) = rig.enqueue()

    found = flume("dead", "list", "orders", "--id", first, "--json", url=server.url)
    missed = flume("dead", "list", "orders", "--id", living, url=server.url)

    assert [job["id"] for job in found.objects] == [first]
    assert (missed.code, missed.out) == (5, "")


def test_all_dead_jobs_are_redriven(rig: Rig, server: Server) -> None:
    """They start from the first attempt."""
    ids = _bury(rig, 250)

    ended = flume("dead", "redrive", "orders", "--yes", url=server.url)

    assert ended.out == "250 jobs redriven\n"
    assert sorted(rig.ready()) == sorted(ids)


def test_dead_jobs_of_one_handler_are_redriven(rig: Rig, server: Server) -> None:
    """Once that handler is mended."""
    mended = _bury(rig, 2, "mended")
    _bury(rig, 3, "broken")

    ended = flume("dead", "redrive", "orders", "--handler", "mended", "--yes", url=server.url)

    assert ended.out == "2 jobs redriven\n"
    assert sorted(rig.ready("mended")) == sorted(mended)
    assert rig.counts().dead == 3


def test_named_jobs_are_redriven_without_a_question(rig: Rig, server: Server) -> None:
    """Whoever names them knows what they are."""
    first, second, _ = _bury(rig, 3)

    ended = flume(
        *("dead", "redrive", "orders", "--id", first, "--id", second, "--id", "0" * 32),
        url=server.url,
    )

    assert ended.code == 5
    assert ended.out == "2 jobs redriven\n"
    assert (
        "1 of the 3 jobs named with --id was not redriven: orders has no such dead job that can "
        "be read. See `flume dead list orders`."
    ) in ended.err
    assert sorted(rig.ready()) == sorted([first, second])


def test_dead_jobs_are_purged(rig: Rig, server: Server) -> None:
    """For good: their bodies go as well."""
    _bury(rig, 3)

    ended = flume("dead", "purge", "orders", "-y", url=server.url)

    assert ended.out == "3 jobs purged\n"
    assert rig.call("EXISTS", rig.keys.jobs, rig.keys.dead) == 0
