"""A worker that dies with a batch costs the jobs of other batches nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.stage import QUEUE, Stage
from tests.chaos_app import batches
from tests.support.processes import Process
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process

MODULE = "tests.chaos_app.batches"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Return the manifest of a pipeline with batches of ten."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(
        "apiVersion: flume.dev/v1alpha1\n"
        "kind: Pipeline\n"
        "metadata: {name: chaos}\n"
        "spec:\n"
        f"  queue: {QUEUE}\n"
        f"  modules: [{MODULE}]\n"
        "  image: none\n"
        "  concurrency: 1\n"
        "  batchSize: 10\n"
        "  batchTimeoutMilliseconds: 200\n",
        encoding="utf-8",
    )
    return path


def test_a_killed_worker_costs_the_batches_of_others_nothing(stage: Stage, manifest: Path) -> None:
    """Each of its jobs runs again, by itself; those of the other batch run once."""
    pair = [stage.worker(manifest=manifest, module=MODULE) for _ in range(2)]
    ids = stage.enqueue(batches.batch_at_gate, "gate", count=20)
    stage.wait_until_started(ids)
    victim, survivor = pair
    held = {run.job_id for run in stage.runs() if run.pid == victim.pid}

    victim.kill()
    stage.open_gate("gate")

    stage.wait_until_settled(40)
    starts = stage.starts()
    assert len(held) == 10
    assert {starts[job_id] for job_id in ids - held} == {1}
    assert {starts[job_id] for job_id in held} == {2}
    assert (stage.total("completed"), stage.dead()) == (20, [])
    assert survivor.returncode is None


def test_a_deadly_job_of_a_batch_ends_and_its_neighbours_complete(
    stage: Stage, manifest: Path
) -> None:
    """After its first kill each job of the batch runs alone, and so it is found."""
    innocent = stage.enqueue(batches.batch_with_deadly, "fine", count=14)
    poison = stage.enqueue(batches.batch_with_deadly, "deadly")
    innocent |= stage.enqueue(batches.batch_with_deadly, "fine", count=15)
    pair: list[Process] = [stage.worker(manifest=manifest, module=MODULE) for _ in range(2)]
    kills = 0

    def is_over() -> bool:
        nonlocal kills
        for place, worker in enumerate(pair):
            if worker.returncode is not None:
                kills += 1
                pair[place] = stage.worker(manifest=manifest, module=MODULE)
        return stage.settled()

    wait_until(is_over, 60, what="the end of all jobs")

    assert set(stage.dead()) == poison
    assert kills <= 3
    assert set(stage.ends()) == innocent
    assert stage.total("completed") == 29
