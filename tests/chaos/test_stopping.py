"""SIGTERM under load ends a worker in time, and costs no job an attempt."""

from __future__ import annotations

import time

import pytest

from tests.chaos.stage import Stage, events
from tests.chaos_app import jobs

pytestmark = pytest.mark.process

GRACE = 1.0


@pytest.mark.parametrize(
    "times", [3, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(300)])]
)
def test_a_worker_that_is_asked_to_stop_gives_everything_back(stage: Stage, times: int) -> None:
    """A rolling deploy stops every worker: that must not eat up the retries of long jobs."""
    ids: set[str] = set()
    for _ in range(times):
        worker = stage.worker(max_demand=60, grace=GRACE)
        long = stage.enqueue(jobs.first_at_gate, "never", count=20)
        long |= stage.enqueue(jobs.stubborn, "never", count=20)
        ids |= long | stage.enqueue(jobs.quick, 0.01, count=1000)
        ids |= stage.enqueue(jobs.quick_sync, 0.05, count=200)
        stage.wait_until_started(long)

        asked_at = time.monotonic()
        worker.terminate()

        assert worker.wait(GRACE + 4) == 0
        assert time.monotonic() - asked_at < GRACE + 2
        late = [run for run in stage.runs() if run.pid == worker.pid and run.at > asked_at + 0.2]
        assert late == []
        assert events(worker, "worker_stopped")[0]["released"] >= 40
    assert stage.counts().running == 0
    assert stage.counts().retrying == 0

    stage.worker(max_demand=200)
    stage.wait_until_settled(30)

    assert set(stage.ends()) == ids
    assert stage.total("completed") == len(ids)
    assert stage.total("retried") == stage.total("reclaimed") == stage.total("buried") == 0
