"""Handlers that block: the event loop for a while, or their places for good."""

from __future__ import annotations

from typing import Any

import pytest

from flume.handler import Handler
from tests.chaos.stage import LEASE, Stage
from tests.chaos_app import jobs

pytestmark = pytest.mark.process

STUCK = 70


@pytest.mark.parametrize("blocking", [jobs.block, jobs.spin], ids=["asleep", "computing"])
def test_a_job_that_blocks_the_loop_for_three_leases_is_not_taken_away(
    stage: Stage, blocking: Handler[[float], Any]
) -> None:
    """It runs, though its worker's loop says nothing; what runs beside it is kept as well."""
    stage.worker(max_demand=10)
    running = stage.enqueue(jobs.at_gate, "gate")
    stage.wait_until_started(running)
    blocked = stage.enqueue(blocking, 3 * LEASE)
    stage.wait_until_started(blocked)
    stage.open_gate("gate")
    stage.worker(max_demand=10)

    stage.wait_until_settled(4 * LEASE)

    assert stage.starts() == dict.fromkeys(running | blocked, 1)
    assert stage.total("completed") == 2
    assert stage.total("reclaimed") == 0


def test_what_waits_behind_a_blocked_loop_runs_elsewhere(stage: Stage) -> None:
    """A claim brings several jobs, the first of them blocks the loop: others start the rest."""
    blocked = stage.enqueue(jobs.block, 3 * LEASE)
    waiting = stage.enqueue(jobs.quick, count=9)
    stage.worker(max_demand=10)
    stage.wait_until_started(blocked)
    stage.worker(max_demand=10)

    stage.wait_until_ended(waiting)

    assert blocked.isdisjoint(stage.ends())
    stage.wait_until_settled(4 * LEASE)
    assert stage.starts() == dict.fromkeys(waiting | blocked, 1)
    assert stage.total("reclaimed") == 0


def test_a_worker_whose_places_are_all_stuck_makes_room_for_another(stage: Stage) -> None:
    """A thread cannot be stopped: only a new process has free places."""
    stuck = stage.enqueue(jobs.stuck_once, count=2)
    worker = stage.worker(max_demand=4, concurrency=2, backoff_initial=0.1)
    stage.wait_until_started(stuck)
    after = stage.enqueue(jobs.quick_sync, count=5)

    assert worker.wait(20) == STUCK

    assert stage.total("retried") == 2
    stage.worker(max_demand=4)
    stage.wait_until_settled()
    assert set(stage.ends()) == stuck | after
    assert {job_id: stage.starts()[job_id] for job_id in stuck} == dict.fromkeys(stuck, 2)
    assert stage.total("reclaimed") == 0
