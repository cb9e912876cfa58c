"""Half the load that workers can take, while workers come, go, die and stand still."""

from __future__ import annotations

import threading
import time
from random import Random

import pytest

from flume import Client, Job
from tests.chaos.stage import QUEUE, Stage
from tests.chaos_app import jobs
from tests.support.leftovers import undocumented, waiting
from tests.support.processes import Process
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process

PAUSE_SECONDS = 1.0
"""Between two changes to the workers."""
GRACE_SECONDS = 0.3
MOST = 4
"""Workers at once."""


@pytest.mark.parametrize(
    "seconds", [15, pytest.param(300, marks=[pytest.mark.soak, pytest.mark.timeout(500)])]
)
def test_the_counts_add_up_to_the_job(stage: Stage, seconds: int) -> None:
    """Whatever happens to workers, each job that went in comes out, and nothing is left behind."""
    crew = Crew(stage, Random(seconds))
    with Source(stage) as source:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            crew.change()
            change_at = time.monotonic() + PAUSE_SECONDS
            wait_until(lambda at=change_at: time.monotonic() >= at)  # type: ignore[misc]
    crew.calm()

    stage.wait_until_settled(60)

    totals = stage.counts().totals
    assert totals["enqueued"] == len(source.ids)
    assert totals["enqueued"] == totals["completed"] + totals["discarded"] + totals["buried"]
    assert totals["discarded"] == source.discarded
    assert totals["buried"] == stage.counts().dead == source.failing
    assert stage.starts().keys() == source.ids
    stage.client.queue(QUEUE).dead.purge()
    left = [key.decode() for key in stage.call("KEYS", "*")]
    assert undocumented(left) == waiting(left) == []


class Crew:
    """Workers to which something happens each second."""

    def __init__(self, stage: Stage, rng: Random) -> None:
        self._stage = stage
        self._rng = rng
        self._workers: list[Process] = []
        self._frozen: list[Process] = []
        for _ in range(2):
            self._start()

    def change(self) -> None:
        """Let one thing happen; at least one worker goes on."""
        for worker in self._frozen:
            worker.thaw()
        self._frozen.clear()
        self._workers = [worker for worker in self._workers if worker.returncode is None]
        if len(self._workers) < 2:
            self._start()
            return
        worker = self._rng.choice(self._workers)
        match self._rng.choice(["start", "stop", "kill", "freeze"]):
            case "start" if len(self._workers) < MOST:
                self._start()
            case "stop":
                worker.terminate()
            case "kill":
                worker.kill()
            case _:
                worker.freeze()
                self._frozen.append(worker)

    def calm(self) -> None:
        """Let all go on."""
        for worker in self._frozen:
            worker.thaw()
        self._start()

    def _start(self) -> None:
        worker = self._stage.worker(
            max_demand=50,
            grace=GRACE_SECONDS,
            backoff_initial=0.1,
            max_crashes=100,  # chance may kill the worker of one suspect again and again
        )
        self._workers.append(worker)


class Source:
    """A thread that enqueues about 250 jobs a second, half of what two workers can take."""

    def __init__(self, stage: Stage) -> None:
        self.ids: set[str] = set()
        self.failing = 0
        self.discarded = 0
        self._stage = stage
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Source:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        with Client(self._stage.server.url) as client:
            while not self._stopping.wait(0.1):
                made: list[Job] = [jobs.quick.job(0.05) for _ in range(20)]
                made += [jobs.quick_sync.job(0.02), jobs.quick_sync.job(0.0)]
                made += [jobs.quick.job(GRACE_SECONDS * 2)]  # given back where its worker stops
                made += [jobs.failing_once.job(), jobs.failing.job("x"), jobs.dropped.job()]
                client.enqueue_many(QUEUE, made)
                self.ids |= {job.id for job in made}
                self.failing += 1
                self.discarded += 1
