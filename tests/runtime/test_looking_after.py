"""Looking after a queue with the client: pages, dead letters, what is not ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flume import Client, JobState, ref
from flume.commands import Command
from flume.commands import worker as commands
from flume.errors import ForeignDataError, JobNotFoundError
from flume.keys import Keys
from tests.support.rig import Rig, interleaved
from tests.support.servers import Server

KEYS = Keys("orders")


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """Return a client of ``server``."""
    with Client(server.url) as opened:
        yield opened


def test_a_page_of_cancelled_jobs_does_not_end_the_list(client: Client) -> None:
    """250 cancelled jobs stand before 50 live ones."""
    jobs = client.enqueue_many("orders", [ref("send").job(n) for n in range(300)])
    client.queue("orders").cancel(*(job.id for job in jobs[:250]))
    listed = client.queue("orders").jobs("ready", limit=300)

    assert [job.id for job in listed] == [job.id for job in jobs[250:]]


def test_dead_jobs_are_purged_by_handler_or_by_id(client: Client, rig: Rig) -> None:
    """What a person has looked at goes, and the others stay."""
    rig.handlers = ("send", "other")
    ada = rig.worker()
    for name in ("send", "send", "other"):
        rig.enqueue(1, name)
    taken = ada.claim()
    ada.bury(taken)
    dead = client.queue("orders").dead
    (other,) = dead.list(handler="other")
    first, second = dead.list(handler="send")

    assert dead.purge(handler="other") == 1
    assert dead.purge(first.id, handler="other") == 0
    assert dead.purge(first.id) == 1
    assert [job.id for job in dead.list()] == [second.id]
    assert dead.purge() == 1
    assert other.handler == "other"


def test_redriving_some_of_many_leaves_the_others(client: Client, rig: Rig) -> None:
    """More than a page of each, mixed."""
    rig.handlers = ("send", "other")
    ada = rig.worker()
    for _ in range(250):
        rig.enqueue(1, "send")
        rig.enqueue(1, "other")
    while (taken := ada.claim()).ids:
        for job_id in taken.ids:
            rig.run(_burial(job_id, taken.fence))
    redriven = client.queue("orders").dead.redrive(handler="other")
    counts = client.queue("orders").counts()

    assert (redriven, counts.dead, counts.handlers["other"].depth) == (250, 250, 250)


def test_purging_suspects_forgets_that_they_were_suspects(client: Client, rig: Rig) -> None:
    """A hash that only grows would fill the memory of a server that runs for years."""
    ada, bob = rig.worker("ada"), rig.worker("bob")
    rig.enqueue(3)
    ada.claim()
    rig.outlive(bob)
    rig.reclaim()
    before = rig.call("HLEN", rig.keys.suspects)
    purged = client.queue("orders").purge(JobState.READY)

    assert (before, purged) == (3, 3)
    assert rig.call("HLEN", rig.keys.suspects) == 0


def test_a_record_that_is_no_workers_is_named(client: Client, rig: Rig) -> None:
    """A sentence with the field, not a traceback."""
    rig.call("HSET", rig.keys.workers, "garbage", "1 id {}")
    with pytest.raises(ForeignDataError, match="the field garbage of"):
        client.queue("orders").workers()


def test_a_score_that_is_no_time_leaves_the_time_out(client: Client, rig: Rig) -> None:
    """The job is still shown."""
    ada = rig.worker()
    (job_id,) = rig.enqueue()
    ada.claim()
    rig.call("ZADD", rig.keys.running, "+inf", job_id)
    job = client.queue("orders").job(job_id)

    assert (job.state, job.at) == (JobState.RUNNING, None)


def test_a_completed_job_is_not_found(client: Client, rig: Rig) -> None:
    """The sentence says why that may be."""
    ada = rig.worker()
    (job_id,) = rig.enqueue()
    ada.complete(ada.claim())
    with pytest.raises(JobNotFoundError, match="a completed job is forgotten"):
        client.queue("orders").job(job_id)


def _burial(job_id: str, fence: int) -> Command[list[bytes]]:
    return commands.bury(KEYS, interleaved([job_id], fence, ""))
