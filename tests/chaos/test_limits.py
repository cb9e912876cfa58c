"""A rate limit that is shared by processes that are killed, a server that crashes, wrong clocks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flume.commands.client import configure
from flume.pipeline import PipelineSettings, RateLimit
from flume.settings_record import Owner, encode
from tests.chaos.conftest import MakeStage
from tests.chaos.stage import LEASE, QUEUE, Stage
from tests.chaos_app import jobs
from tests.runtime.limited import fullest
from tests.support.processes import REPOSITORY
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
CLOCK = """\
import time

_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + {shift}
time.time_ns = lambda: _time_ns() + {shift} * 10**9
"""


def _limit(stage: Stage, count: int, period_s: int) -> None:
    settings = PipelineSettings(
        QUEUE, lease_s=LEASE, rate_limit=RateLimit(count, period_s, "vendor")
    )
    stage.client._connections.run(configure(stage.keys, Owner("tests", "uid", 1), encode(settings)))


def _fullest(stage: Stage, period_s: int) -> int:
    return fullest((run.at for run in stage.runs()), period_s)


def test_workers_that_are_killed_with_tokens_in_hand_exceed_nothing(stage: Stage) -> None:
    """What they took is used up or comes free with its period; their jobs' next runs count."""
    _limit(stage, 30, 1)
    victim, survivor = stage.worker(max_demand=30), stage.worker(max_demand=30)
    ids = stage.enqueue(jobs.quick, 0.1, count=90)
    wait_until(lambda: sum(run.pid == victim.pid for run in stage.runs()) >= 5)
    victim.kill()
    replacement = stage.worker(max_demand=30)

    stage.wait_until_ended(ids)
    stage.wait_until_settled()
    assert _fullest(stage, 1) <= 30
    assert sum(stage.starts().values()) > 90  # the victim's jobs were started again
    assert (survivor.returncode, replacement.returncode) == (None, None)
    assert stage.total("completed") == 90


@pytest.mark.parametrize("kind", ["redis", "valkey"])
def test_a_server_that_crashes_and_comes_back_remembers_the_window(
    make_stage: MakeStage, kind: str
) -> None:
    """With its file synced, the starts of before count in the windows of after."""
    stage = make_stage(*DURABLE, kind=kind)
    _limit(stage, 20, 2)
    stage.worker(max_demand=30)
    stage.worker(max_demand=30)
    ids = stage.enqueue(jobs.quick, count=40)
    wait_until(lambda: len(stage.runs()) == 20)
    stage.server.kill()
    stage.server.start()

    stage.wait_until_ended(ids)
    assert _fullest(stage, 2) <= 20


def test_the_workers_clocks_do_not_matter(stage: Stage, tmp_path: Path) -> None:
    """One is an hour ahead and one an hour behind: only Redis' clock counts."""
    _limit(stage, 30, 1)
    paths = [str(REPOSITORY / source) for source in (".", "worker", "operator")]
    for shift in (3600, -3600):
        folder = tmp_path / f"clock{shift}"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(CLOCK.format(shift=shift), encoding="utf-8")
        stage.environment["PYTHONPATH"] = os.pathsep.join([str(folder), *paths])
        stage.worker(max_demand=30)
    started = [worker.record["started"] for worker in stage.client.queue(QUEUE).workers()]
    assert 7000 < max(started) - min(started) < 7400  # the clocks are really off
    ids = stage.enqueue(jobs.quick, 0.05, count=90)

    stage.wait_until_ended(ids, 8)
    runs = stage.runs()
    assert _fullest(stage, 1) <= 30
    assert runs[-1].at - runs[0].at < 4
    assert {run.pid for run in runs} == {worker.pid for worker in stage.workers}
