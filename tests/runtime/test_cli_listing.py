"""``flume queues``, ``jobs``, ``workers`` and ``top`` on a real server."""

from __future__ import annotations

import pytest

from flume.codec import Body, encode
from flume.job import new_id
from tests.support.command_line import flume, report
from tests.support.rig import HOUR, MINUTE, Rig
from tests.support.servers import Server

JOB_FIELDS = [
    *("id", "queue", "state", "handler", "args", "kwargs", "headers"),
    *("attempts", "at", "error", "raw_base64"),
]


@pytest.fixture
def busy(rig: Rig) -> dict[str, str]:
    """Return state → id of a queue with one job of each state."""
    rig.call("SADD", "flume:queues", "orders")
    worker = rig.worker()
    report(worker, handlers=["send"], running=1, max_demand=100, version="0.1.0", started=1.0)
    found = {}
    rig.enqueue()
    dead = worker.claim()
    worker.bury(dead, body=encode(Body("send", [1], attempts=6, error="ValueError: no\nline 2")))
    found["dead"] = dead.ids[0]
    rig.enqueue()
    retried = worker.claim()
    worker.retry(retried, wait_ms=MINUTE)
    found["retrying"] = retried.ids[0]
    rig.enqueue()
    found["running"] = worker.claim().ids[0]
    found["scheduled"] = rig.schedule(wait_ms=HOUR)[0]
    found["ready"] = rig.enqueue()[0]
    return found


def test_queues_are_counted_by_state(rig: Rig, server: Server, busy: dict[str, str]) -> None:
    """One line says how a queue is."""
    head, line = flume("queues", url=server.url).lines

    assert head.split() == [
        *("QUEUE", "READY", "RUNNING", "RETRYING", "SCHEDULED"),
        *("DEAD", "LATENCY", "WORKERS", "STATE"),
    ]
    assert line.split()[:6] == ["orders", "1", "1", "1", "1", "1"]
    assert line.endswith("not configured")


def test_queues_as_json_have_stable_names(rig: Rig, server: Server, busy: dict[str, str]) -> None:
    """Dashboards read them."""
    rig.configure()

    (queue,) = flume("queues", "--json", url=server.url).objects

    counted = ("ready", "running", "retrying", "scheduled", "dead", "workers")
    assert [queue[name] for name in counted] == [1] * 6
    assert (queue["paused"], queue["configured"]) == (False, True)
    assert queue["totals"]["buried"] == 1
    (handler,) = queue["handlers"]
    assert handler == {
        "handler": "send",
        "ready": 1,
        "latency_s": queue["latency_s"],
        "workers": 1,
    }


def test_a_paused_queue_says_so(rig: Rig, server: Server, busy: dict[str, str]) -> None:
    """Else one would look for a broken worker."""
    rig.call("HSET", rig.keys.pause, "operator", "0 0 ops vendor down")

    assert "paused" in flume("queues", url=server.url).lines[1]


def test_jobs_that_no_worker_knows_are_pointed_out(rig: Rig, server: Server) -> None:
    """They wait for ever after a handler was renamed."""
    rig.call("SADD", "flume:queues", "orders")
    report(rig.worker(), handlers=["send"])
    rig.enqueue(2, "old")

    ended = flume("queues", url=server.url)

    assert "no live worker of orders knows old: 2 jobs held up." in ended.err


def test_all_states_are_listed(rig: Rig, server: Server, busy: dict[str, str]) -> None:
    """Without a filter one sees where everything is."""
    listed = flume("jobs", "orders", "--json", url=server.url).objects

    assert {job["state"]: job["id"] for job in listed} == busy
    assert [list(job) for job in listed] == [JOB_FIELDS] * 5


@pytest.mark.parametrize("state", ["ready", "scheduled", "running", "retrying", "dead"])
def test_one_state_is_listed(rig: Rig, server: Server, busy: dict[str, str], state: str) -> None:
    """Each state has a list of its own."""
    ended = flume("jobs", "orders", "--state", state, url=server.url)

    assert [line.split()[:2] for line in ended.lines[1:]] == [[busy[state], state]]


def test_what_a_limit_leaves_out_is_counted(rig: Rig, server: Server) -> None:
    """A list that ends without a word looks complete."""
    rig.enqueue(5)

    ended = flume("jobs", "orders", "--limit", "2", url=server.url)

    assert len(ended.lines) == 3
    assert "3 more ready: raise --limit to see them." in ended.err


def test_one_job_is_shown_in_full(rig: Rig, server: Server, busy: dict[str, str]) -> None:
    """The error keeps its lines here."""
    ended = flume("jobs", "orders", "--id", busy["dead"], url=server.url)

    shown = dict(line.split(maxsplit=1) for line in ended.lines if not line.startswith(" "))
    assert (shown["id"], shown["state"], shown["attempts"]) == (busy["dead"], "dead", "6")
    assert ended.out.endswith("error       ValueError: no\n            line 2\n")


def test_a_job_that_is_not_there_ends_with_5(rig: Rig, server: Server) -> None:
    """A script can wait for a job to be done by asking for it."""
    ended = flume("jobs", "orders", "--id", "0" * 32, "--json", url=server.url)

    assert (ended.code, ended.out) == (5, "")
    assert "a completed job is forgotten" in ended.err


def test_a_body_that_cannot_be_read_is_shown_as_it_is(rig: Rig, server: Server) -> None:
    """Only its bytes can tell who wrote it."""
    job_id = new_id()
    rig.call("HSET", rig.keys.jobs, job_id, b"\x1b[2Jnot json")
    rig.call("ZADD", rig.keys.dead, 1, job_id)

    ended = flume("jobs", "orders", "--id", job_id, url=server.url)
    (job,) = flume("jobs", "orders", "--json", url=server.url).objects

    assert "unreadable" in ended.out
    assert "\x1b" not in ended.out
    assert job["raw_base64"] == "G1sySm5vdCBqc29u"


def test_workers_are_listed_with_what_they_do(rig: Rig, server: Server) -> None:
    """Who is silent is told from who is idle."""
    rig.call("SADD", "flume:queues", "orders")
    report(rig.worker("ada"), handlers=["send", "b"], running=3, max_demand=1000, stopping=False)
    report(rig.worker("bob"), handlers=["send"], running=0, stopping=True)
    silent = rig.worker("eve")
    rig.call("HSET", rig.keys.workers, silent.number, f"{rig.now_ms() - MINUTE} eve {{}}")

    lines = flume("workers", url=server.url).lines
    objects = flume("workers", "orders", "--json", url=server.url).objects

    assert [line.split()[:3] for line in lines[1:]] == [
        ["orders", "ada", "live"],
        ["orders", "bob", "stopping"],
        ["orders", "eve", "silent"],
    ]
    assert [(found["id"], found["alive"]) for found in objects] == [
        ("ada", True),
        ("bob", True),
        ("eve", False),
    ]
    assert objects[0]["handlers"] == ["send", "b"]


@pytest.mark.parametrize(
    "args",
    [["queues"], ["workers"], ["workers", "orders"], ["jobs", "orders"], ["dead", "list", "x"]],
)
def test_nothing_to_list_is_said_beside_the_output(server: Server, args: list[str]) -> None:
    """A program that reads the output gets no sentence into its data."""
    ended = flume(*args, url=server.url)

    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith(("There are no", "Queue "))


def test_top_prints_once_where_nobody_watches(
    rig: Rig, server: Server, busy: dict[str, str]
) -> None:
    """In a pipe there is no screen to refresh."""
    plain = flume("top", "--interval", "100ms", url=server.url)
    (queue,) = flume("top", "--interval", "100ms", "--json", url=server.url).objects

    assert "DONE/S" in plain.lines[0]
    assert len(plain.lines) == 2
    assert (queue["queue"], queue["done_per_s"]) == ("orders", 0.0)


def test_another_prefix_is_another_world(rig: Rig, server: Server, busy: dict[str, str]) -> None:
    """Neither in front of the command nor behind it, nor from the environment, does it leak."""
    behind = flume("queues", "--prefix", "other", url=server.url)
    before = flume("--prefix", "other", "queues", url=server.url)
    around = flume("queues", url=server.url, environment={"FLUME_KEY_PREFIX": "other"})

    assert behind.out == before.out == around.out == ""


@pytest.mark.parametrize("record", ["7", "[]", '"x"', '{"handlers": 7, "started": "x"}'])
def test_a_worker_whose_record_is_odd_is_listed_all_the_same(
    rig: Rig, server: Server, record: str
) -> None:
    """A later version, or garbage, must not hide the workers beside it."""
    rig.call("HSET", rig.keys.workers, "1", f"{rig.now_ms()} ada {record}")

    ended = flume("workers", "orders", url=server.url)

    assert (ended.code, len(ended.lines)) == (0, 2)
