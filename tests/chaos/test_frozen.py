"""A worker that stood still for longer than its lease does no harm when it goes on."""

from __future__ import annotations

import pytest

from tests.chaos.stage import LEASE, Stage, events
from tests.chaos_app import jobs
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process

COUNT = 20


def test_late_outcomes_are_refused_while_another_worker_runs_the_jobs(stage: Stage) -> None:
    """A late outcome that counted would end a job that another worker is in the middle of."""
    frozen = stage.worker(max_demand=COUNT)
    ids = stage.enqueue(jobs.first_sleeps, LEASE / 2, "gate", count=COUNT)
    stage.wait_until_started(ids)
    frozen.freeze()
    stage.worker(max_demand=COUNT)
    wait_until(lambda: max(stage.starts().values()) == 2, LEASE + 5, what="a second run")

    frozen.thaw()  # all of its handlers return at once: their sleep is over

    wait_until(lambda: _lost(stage) >= COUNT, what="lost leases")
    assert stage.total("completed") == 0
    stage.open_gate("gate")
    stage.wait_until_settled()
    assert stage.starts() == dict.fromkeys(ids, 2)
    assert stage.total("completed") == COUNT
    assert stage.total("retried") == stage.total("buried") == 0


def test_late_outcomes_of_jobs_that_are_done_count_nothing(stage: Stage) -> None:
    """The job is gone: neither is it completed twice, nor does it come back."""
    frozen = stage.worker(max_demand=COUNT)
    ids = stage.enqueue(jobs.first_sleeps, LEASE / 2, count=COUNT)
    stage.wait_until_started(ids)
    frozen.freeze()
    stage.worker(max_demand=COUNT)
    stage.wait_until_settled(LEASE + 10)

    frozen.thaw()
    after = stage.enqueue(jobs.quick, count=2 * COUNT)  # both workers go on

    stage.wait_until_ended(after)
    stage.wait_until_settled()
    frozen.terminate()
    assert frozen.wait() == 0
    assert {job_id: stage.starts()[job_id] for job_id in ids} == dict.fromkeys(ids, 2)
    assert {job_id: stage.starts()[job_id] for job_id in after} == dict.fromkeys(after, 1)
    assert stage.total("completed") == 3 * COUNT


def _lost(stage: Stage) -> int:
    return sum(line["count"] for line in events(stage.workers[0], "lease_lost"))
