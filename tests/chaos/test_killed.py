"""A worker that is killed loses no job, and a job that kills its workers ends."""

from __future__ import annotations

import time

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
