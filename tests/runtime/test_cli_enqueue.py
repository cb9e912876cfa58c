"""``flume enqueue`` on a real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from tests.support.command_line import flume, report
from tests.support.rig import Rig
from tests.support.servers import Server


def test_a_job_is_enqueued_and_its_id_printed(rig: Rig, server: Server) -> None:
    """The id alone on standard output is what a script keeps."""
    ended = flume(
        *("enqueue", "orders", "send", '"ada"', "[1,2]", "--kwarg", 'subject="Hi = 1"'),
        *("--header", "trace=a=b", "--max-retries", "3"),
        url=server.url,
    )

    (job_id,) = ended.lines
    body = msgspec.json.decode(rig.call("HGET", rig.keys.jobs, job_id))
    assert ended.code == 0
    assert rig.ready() == [job_id]
    assert body == {
        "handler": "send",
        "args": ["ada", [1, 2]],
        "kwargs": {"subject": "Hi = 1"},
        "headers": {"trace": "a=b"},
        "max_retries": 3,
    }


def test_a_job_can_wait_for_a_time_from_now(rig: Rig, server: Server) -> None:
    """It is due after that long by Redis' clock."""
    ended = flume("enqueue", "orders", "send", "--in", "1h30m", url=server.url)

    (job_id,) = ended.lines
    (due,) = rig.scores(rig.keys.scheduled).values()
    assert rig.state(job_id) == "scheduled"
    assert 0 <= rig.now_ms() + 5_400_000 - due < 60_000


def test_a_job_can_wait_for_a_moment(rig: Rig, server: Server) -> None:
    """The moment has a time zone, so it is the same on every machine."""
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)

    flume("enqueue", "orders", "send", "--at", moment.isoformat(), url=server.url)

    (due,) = rig.scores(rig.keys.scheduled).values()
    assert due == moment.timestamp() * 1000


def test_a_duplicate_says_so_and_names_the_job_that_lives(rig: Rig, server: Server) -> None:
    """A script that enqueues once an hour can tell whether the last one still runs."""
    first = flume("enqueue", "orders", "send", "--unique", "a", url=server.url)
    second = flume("enqueue", "orders", "send", "--unique", "a", "--json", url=server.url)

    (job,) = second.objects
    assert job == {
        "id": first.lines[0],
        "queue": "orders",
        "handler": "send",
        "duplicate": True,
    }
    assert "a live job holds this unique key" in second.err
    assert rig.counts().ready == 1


def test_a_queue_that_nobody_has_is_pointed_out(rig: Rig, server: Server) -> None:
    """A mistyped name would collect jobs that never run."""
    rig.worker()
    rig.call("SADD", "flume:queues", "orders")

    ended = flume("enqueue", "order", "send", url=server.url)

    assert ended.code == 0
    assert "nobody has configured queue order or works on it" in ended.err
    assert "Did you mean orders?" in ended.err


def test_a_handler_that_no_worker_knows_is_pointed_out(rig: Rig, server: Server) -> None:
    """The job waits, and whoever enqueued it should know that."""
    report(rig.worker(), handlers=["send"])

    ended = flume("enqueue", "orders", "sned", url=server.url)

    assert ended.code == 0
    assert "no live worker of orders knows sned" in ended.err
    assert "Did you mean send?" in ended.err


def test_a_file_is_enqueued_line_by_line_in_order(rig: Rig, server: Server) -> None:
    """Jobs of one handler run in the order of their lines, also across the calls they take."""
    lines = "".join(f"[{number}]\n" for number in range(2_500))

    ended = flume("enqueue", "orders", "send", "--from-file", "-", url=server.url, given=lines)

    assert ended.code == 0
    assert len(ended.lines) == 2_500
    assert rig.ready() == ended.lines


def test_a_file_can_be_scheduled(rig: Rig, server: Server) -> None:
    """The options of the command line hold for all its lines."""
    ended = flume(
        *("enqueue", "orders", "send", "--from-file", "-", "--in", "1h", "--json"),
        url=server.url,
        given="[1]\n[2]\n",
    )

    assert len(ended.objects) == 2
    assert rig.counts().scheduled == 2


def test_a_wrong_line_ends_the_file_after_those_before_it(rig: Rig, server: Server) -> None:
    """The message says where to go on, so that nothing is sent twice."""
    lines = "".join(f"[{number}]\n" for number in range(1_200)) + "SECRET\n[1]\n"

    ended = flume("enqueue", "orders", "send", "--from-file", "-", url=server.url, given=lines)

    assert ended.code == 2
    assert len(ended.lines) == rig.counts().ready == 1_200
    assert "line 1,201 is not JSON" in ended.err
    assert "The 1,200 jobs before it were enqueued." in ended.err
    assert "SECRET" not in ended.err


def test_dead_jobs_can_be_moved_to_another_queue(rig: Rig, server: Server) -> None:
    """What one command prints, another reads."""
    worker = rig.worker()
    rig.enqueue(3)
    worker.bury(worker.claim())

    listed = flume("dead", "list", "orders", "--json", url=server.url)
    moved = flume("enqueue", "others", "--from-file", "-", url=server.url, given=listed.out)

    assert moved.code == 0
    assert len(moved.lines) == 3


def test_a_job_that_is_too_long_is_a_usage_error(server: Server) -> None:
    """It says how long the job is and how long it may be, and nothing of what is in it."""
    ended = flume("enqueue", "orders", "send", f'"{"x" * 300_000}"', url=server.url)

    assert ended.code == 2
    assert "the cap is 262,144" in ended.err
    assert "xxx" not in ended.err
