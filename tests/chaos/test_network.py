"""Connections that are cut, a server that is out of reach, and one that is not primary any more."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from flume import Client
from flume.errors import ServerUnavailableError
from tests.chaos.stage import LEASE, QUEUE, Stage, events
from tests.chaos_app import jobs
from tests.support.proxy import Proxy
from tests.support.servers import running_server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process


@pytest.mark.parametrize(
    "cuts", [100, pytest.param(1000, marks=[pytest.mark.soak, pytest.mark.timeout(600)])]
)
def test_cut_connections_lose_nothing_and_double_nothing(stage: Stage, cuts: int) -> None:
    """Requests and replies get lost, whole or in part; each job is there once and ends once."""
    proxy = stage.proxy()
    for _ in range(2):
        stage.worker(proxy.url, lease=5, max_demand=50, backoff_initial=0.1)
    proxy.cut_at_random(0.1, limit=cuts)

    ids, failing = _enqueue_until(stage, proxy, cuts)

    stage.wait_until_settled(40)
    assert proxy.cuts >= cuts
    assert set(stage.ends()) == ids | failing
    assert stage.total("enqueued") == stage.total("completed") == len(ids | failing)
    assert _retried(stage) == Counter(failing)
    assert stage.total("retried") == len(failing)
    assert stage.total("buried") == stage.total("reclaimed") == 0
    assert stage.starts() == dict.fromkeys(ids, 1) | dict.fromkeys(failing, 2)
    assert all(worker.returncode is None for worker in stage.workers)


def _retried(stage: Stage) -> Counter[str]:
    """Return how often each job failed and was to run again, as the workers say."""
    lines = [line for worker in stage.workers for line in events(worker, "job_retried")]
    assert {line["error_type"] for line in lines} == {"RuntimeError"}, lines
    return Counter(line["job_id"] for line in lines)


def _enqueue_until(stage: Stage, proxy: Proxy, cuts: int) -> tuple[set[str], set[str]]:
    """Enqueue one by one and many at once, through the proxy, until it has cut enough."""
    ids: set[str] = set()
    failing: set[str] = set()
    with Client(proxy.url, timeout=30) as client:
        while proxy.cuts < cuts:
            made = [jobs.quick.job(0.01) for _ in range(30)]
            bad = jobs.failing_once.job()
            client.enqueue_many(QUEUE, [*made, bad])
            ids |= {job.id for job in made} | {client.enqueue(QUEUE, jobs.quick_sync).id}
            failing.add(bad.id)
            # as fast as the workers are, so that cuts meet claims and outcomes too
            wait_until(lambda: stage.counts().ready < 500)
    return ids, failing


@pytest.mark.parametrize("away", ["refused", "silent"])
def test_workers_that_redis_left_for_three_leases_keep_their_jobs(stage: Stage, away: str) -> None:
    """Nobody died: jobs that ended meanwhile are stored, and those that run are run on."""
    proxy = stage.proxy()
    pair = [stage.worker(proxy.url, max_demand=100) for _ in range(2)]
    early: set[str] = set()
    late: set[str] = set()
    for _ in range(100):  # in turn, so that both workers have some of either
        early |= stage.enqueue(jobs.at_gate, "early")
        late |= stage.enqueue(jobs.at_gate, "late")
    stage.wait_until_started(early | late)
    if away == "refused":
        proxy.refuse()
    else:
        proxy.stall()
    stage.open_gate("early")
    stage.wait_until_ended(early)
    _wait_until_expired(stage, 2 * LEASE)

    proxy.heal()

    wait_until(lambda: stage.total("completed") == 100, what="the outcomes of the absence")
    _wait_until_extended(stage)
    stage.open_gate("late")
    stage.wait_until_settled()
    for worker in pair:
        assert len(events(worker, "redis_away")) <= 1
        assert events(worker, "lease_lost", "jobs_reclaimed") == []
    assert stage.starts() == dict.fromkeys(early | late, 1)
    assert stage.total("completed") == 200
    assert stage.total("reclaimed") == 0
    assert stage.call("HLEN", stage.keys.suspects) == 0


def test_a_worker_follows_its_address_to_the_new_primary(stage: Stage, tmp_path: Path) -> None:
    """After a failover the old primary answers READONLY on connections that still stand."""
    folder = tmp_path / "second"
    folder.mkdir()
    proxy = stage.proxy()
    with running_server("valkey", folder) as second:
        second.call("REPLICAOF", "127.0.0.1", stage.server.port)
        worker = stage.worker(proxy.url, max_demand=10)
        with Client(proxy.url) as client:
            running = {client.enqueue(QUEUE, jobs.at_gate, "gate").id for _ in range(5)}
            stage.wait_until_started(running)
            wait_until(lambda: second.call("HLEN", stage.keys.jobs) == 5)
            wait_until(lambda: second.call("INFO", "replication")["master_link_status"] == "up")

            proxy.target = second.port  # for new connections; the old ones stay
            second.call("REPLICAOF", "NO", "ONE")
            stage.server.call("REPLICAOF", "127.0.0.1", second.port)
            stage.open_gate("gate")
            after = {client.enqueue(QUEUE, jobs.quick).id for _ in range(20)}

            stage.wait_until_ended(running | after)
            counts = client.queue(QUEUE).counts
            wait_until(lambda: counts().totals.get("completed") == 25)
        assert stage.starts() == dict.fromkeys(running | after, 1)
        assert worker.returncode is None


def test_an_idle_worker_outlives_its_server(stage: Stage) -> None:
    """It waits in a blocking call, which ends with an error: the worker must not."""
    worker = stage.worker()
    for _ in range(2):
        stage.server.kill()
        wait_until(lambda: len(events(worker, "redis_away")) > len(events(worker, "redis_back")))
        with pytest.raises(ServerUnavailableError), Client(stage.server.url, timeout=0.3) as client:
            client.enqueue(QUEUE, jobs.quick)
        stage.server.start()
        wait_until(lambda: len(events(worker, "redis_away")) == len(events(worker, "redis_back")))

        stage.wait_until_ended(stage.enqueue(jobs.quick, count=3))
    assert worker.returncode is None


def _now_ms(stage: Stage) -> int:
    seconds, micros = stage.call("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


def _deadlines(stage: Stage) -> list[float]:
    """Return when each lease ends, in s from now."""
    now = _now_ms(stage)
    script = "return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')"  # as strings
    scores = [float(score) for score in stage.call("EVAL", script, 1, stage.keys.running)[1::2]]
    return [(score // 2**19 * 125 + 1735689600000 - now) / 1000 for score in scores]


def _wait_until_expired(stage: Stage, seconds: float) -> None:
    """Return once every lease has been over for ``seconds``."""
    wait_until(lambda: max(_deadlines(stage)) < -seconds, 30, what="leases that are over")


def _wait_until_extended(stage: Stage) -> None:
    """Return once every lease runs, and another lease has passed in which none was taken."""
    end = time.monotonic() + LEASE + 1
    wait_until(lambda: min(_deadlines(stage)) > 0 and time.monotonic() > end)
