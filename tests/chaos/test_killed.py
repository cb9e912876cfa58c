"""A worker that is killed loses no job, and a job that kills its workers ends."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from flume import JobState
from tests.chaos.stage import LEASE, QUEUE, Stage
from tests.chaos_app import jobs
from tests.support.processes import Process
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process


@pytest.mark.parametrize(
    "times", [3, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(300)])]
)
def test_what_a_killed_worker_ran_is_done_within_a_lease_and_a_second(
    stage: Stage, times: int
) -> None:
    """This is what durable means: kill -9 with 200 jobs running, and none is lost or late."""
    survivor = stage.worker(max_demand=100)
    for turn in range(times):
        victim = stage.worker(max_demand=100)
        ids = stage.enqueue(jobs.first_at_gate, f"gate{turn}", count=200)
        stage.wait_until_started(ids)

        killed_at = time.monotonic()
        victim.kill()
        stage.open_gate(f"gate{turn}")

        stage.wait_until_ended(ids, LEASE + 10)
        last = max(run.at for run in stage.ended() if run.job_id in ids)
        assert last - killed_at < LEASE + 1
    stage.wait_until_settled()
    assert stage.total("completed") == 200 * times
    assert stage.dead() == []
    assert survivor.returncode is None


def test_a_job_that_kills_its_worker_each_time_takes_nobody_with_it(stage: Stage) -> None:
    """Its neighbours are charged with nothing that they did not do, and each of them runs."""
    innocent = stage.enqueue(jobs.quick, 0.02, count=250)
    poison = stage.enqueue(jobs.deadly)
    innocent |= stage.enqueue(jobs.quick, 0.02, count=250)
    pair: list[Process] = [stage.worker(max_demand=50) for _ in range(2)]
    kills = 0

    def is_over() -> bool:
        nonlocal kills
        for place, worker in enumerate(pair):
            if worker.returncode is not None:
                kills += 1
                pair[place] = stage.worker(max_demand=50)
        return stage.settled()

    wait_until(is_over, 40, what="the end of all jobs")

    (dead,) = stage.client.queue(QUEUE).jobs(JobState.DEAD)
    assert {dead.id} == poison
    assert "worker died" in (dead.error or "")
    assert kills <= 3
    assert stage.starts()[dead.id] == kills
    assert set(stage.ends()) == innocent


def test_a_suspect_has_its_worker_for_itself(stage: Stage) -> None:
    """If it kills again, it must be known that it was this one: sync handlers wait for it too."""
    survivor = stage.worker(max_demand=60, concurrency=30)
    victim = stage.worker(max_demand=60, concurrency=30)
    long = stage.enqueue(jobs.first_at_gate, "gate", 0.02, count=50)
    stage.wait_until_started(long)

    victim.kill()
    stage.open_gate("gate")
    others = stage.enqueue(jobs.quick_sync, 0.05, count=2500)

    stage.wait_until_ended(long | others, 30)
    spans = _spans(stage, survivor.pid)
    suspects = [span for span in spans if stage.starts()[span.job_id] == 2]
    assert len(suspects) >= 20
    for suspect in suspects:
        beside = [span for span in spans if span.overlaps(suspect) and span is not suspect]
        assert beside == []


@dataclass(frozen=True, slots=True)
class Span:
    """A run that came to its end."""

    job_id: str
    start: float
    end: float

    def overlaps(self, other: Span) -> bool:
        """Whether both ran at one moment."""
        return self.start < other.end and other.start < self.end


def _spans(stage: Stage, pid: int) -> list[Span]:
    """Return the runs in one process; none of its jobs ran there twice."""
    starts = {run.job_id: run.at for run in stage.runs() if run.pid == pid}
    ends = {run.job_id: run.at for run in stage.ended() if run.pid == pid}
    return [Span(job_id, start, ends[job_id]) for job_id, start in starts.items()]
