"""A server that crashes under load, and one that is full."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from flume import Client, Job
from flume.errors import ServerFullError
from tests.chaos.conftest import MakeStage
from tests.chaos.stage import QUEUE, Stage, events
from tests.chaos_app import jobs
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process

KINDS = pytest.mark.parametrize("kind", ["redis", "valkey"])
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
FULL = ("--maxmemory", "16mb", "--maxmemory-policy", "noeviction")
PAYLOAD = "x" * 20_000


@KINDS
@pytest.mark.parametrize(
    "crashes", [3, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(300)])]
)
def test_a_server_that_crashes_under_load_loses_nothing(
    make_stage: MakeStage, kind: str, crashes: int
) -> None:
    """What enqueue returned for is on disk; what a worker holds is stored once it is back."""
    stage = make_stage(*DURABLE, kind=kind)
    for _ in range(2):
        stage.worker(max_demand=50, lease=5, backoff_initial=0.1)
    with Load(stage) as load:
        for _ in range(crashes):
            load.wait_for(300)
            stage.server.kill()
            stage.server.start()

    stage.wait_until_settled(30)

    assert stage.ends().keys() == load.ids
    assert stage.total("enqueued") + stage.total("scheduled") == len(load.ids)
    assert stage.total("completed") == len(load.ids)
    assert stage.total("buried") == stage.total("reclaimed") == 0
    assert all(worker.returncode is None for worker in stage.workers)


@KINDS
def test_a_full_server_refuses_new_jobs_and_drains(make_stage: MakeStage, kind: str) -> None:
    """Workers take no memory to make room, whether they were there before or start now."""
    stage = make_stage(*FULL, kind=kind)
    stage.enqueue(jobs.failing, PAYLOAD, count=10)
    ids = _fill(stage)

    stage.worker(max_demand=20, backoff_initial=0.1)
    stage.wait_until_ended(ids)
    stage.call("CONFIG", "SET", "maxmemory", 0)

    wait_until(lambda: stage.total("buried") == stage.total("retried") == 10)
    assert stage.counts().dead == 10
    assert stage.total("completed") == len(ids)
    stage.wait_until_ended(stage.enqueue(jobs.quick, count=3))
    assert events(stage.workers[0], "claim_refused", "housekeeping_refused") == []


@KINDS
def test_a_worker_on_a_full_server_stops_in_order(make_stage: MakeStage, kind: str) -> None:
    """It keeps its leases, gives back what it holds, and leaves no trace."""
    stage = make_stage(*FULL, kind=kind)
    waiting = stage.enqueue(jobs.heavy, PAYLOAD, "gate", count=10)
    worker = stage.worker(max_demand=10, grace=0.5)
    stage.wait_until_started(waiting)
    _fill(stage)
    beats = stage.call("HGET", stage.keys.clock, "beat")
    wait_until(lambda: stage.call("HGET", stage.keys.clock, "beat") != beats)

    worker.terminate()

    assert worker.wait() == 0
    assert events(worker, "worker_stopped")[0]["released"] == 10
    assert events(worker, "housekeeping_refused", "worker_not_deregistered") == []
    assert stage.counts().running == stage.total("reclaimed") == 0
    stage.open_gate("gate")
    stage.worker(max_demand=100, backoff_initial=0.1)
    stage.wait_until_ended(waiting)


def _fill(stage: Stage) -> set[str]:
    """Enqueue until the server refuses, and return the ids of what it took.

    Then take a little of its room, for what the refused call had used is free again.
    """
    ids: set[str] = set()
    while True:
        try:
            ids |= stage.enqueue(jobs.heavy, PAYLOAD)
        except ServerFullError:
            used = int(stage.call("INFO", "memory")["used_memory"])
            stage.call("CONFIG", "SET", "maxmemory", used - 2**20)
            return ids


class Load:
    """A thread that enqueues in every way there is until it is stopped, and keeps the ids."""

    def __init__(self, stage: Stage) -> None:
        self.ids: set[str] = set()
        self._stage = stage
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._failure: BaseException | None = None

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def wait_for(self, count: int) -> None:
        """Return once ``count`` more jobs are in."""
        goal = len(self.ids) + count
        wait_until(lambda: len(self.ids) >= goal, 20, what=f"{count} more jobs")

    def _run(self) -> None:
        try:
            with Client(self._stage.server.url, timeout=30) as client:
                while not self._stopping.is_set():
                    self._enqueue(client)
                    self._stopping.wait(0.01)
        except BaseException as error:
            self._failure = error

    def _enqueue(self, client: Client) -> None:
        many: list[Job] = [jobs.quick.job(0.01) for _ in range(10)]
        sent = client.enqueue_many(QUEUE, [*many, jobs.failing_once.job()])
        sent.append(client.enqueue(QUEUE, jobs.quick_sync, 0.005))
        sent.append(client.enqueue_in(QUEUE, timedelta(seconds=0.2), jobs.quick))
        self.ids |= {job.id for job in sent}
