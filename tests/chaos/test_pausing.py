"""Pauses against frozen workers, cut connections and many changes: in real processes."""

from __future__ import annotations

import pytest

from flume.errors import PauseNotAcknowledgedError
from tests.chaos.stage import QUEUE, Stage, events
from tests.chaos_app import jobs
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process


def test_a_worker_that_starts_while_paused_claims_nothing(stage: Stage) -> None:
    """A deploy in an incident must not start what was stopped; a second worker neither."""
    queue = stage.client.queue(QUEUE)
    queue.pause(reason="vendor down")
    ids = stage.enqueue(jobs.quick, 0.0, count=20)
    key = stage.keys.ready(jobs.quick.name)
    before = stage.call("LRANGE", key, 0, -1)
    for worker in (stage.worker(), stage.worker()):
        worker.wait_for_output('"pipeline_paused"')
    for _ in range(10):
        queue.pause(wait=True)

    # A job that was claimed and given back would have another time in its entry.
    assert stage.call("LRANGE", key, 0, -1) == before
    assert not stage.starts()
    queue.resume()
    stage.wait_until_ended(ids)
    (line, *_) = events(stage.workers[0], "pipeline_paused")
    assert (line["source"], line["reason"]) == ("client", "vendor down")


def test_a_frozen_worker_is_named_and_the_pause_binds(stage: Stage) -> None:
    """Whoever waits must learn that one process may still start something."""
    queue = stage.client.queue(QUEUE)
    stage.worker()
    (frozen_id,) = [worker.id for worker in queue.workers()]
    stage.worker()
    stage.workers[0].freeze()
    with pytest.raises(PauseNotAcknowledgedError) as raised:
        queue.pause(wait=True, timeout=1.5)
    ids = stage.enqueue(jobs.quick, 0.0, count=20)
    stage.workers[0].thaw()
    queue.pause(wait=True)

    assert raised.value.missing == {QUEUE: (frozen_id,)}
    assert not stage.starts()
    queue.resume(wait=True)
    stage.wait_until_ended(ids)


@pytest.mark.parametrize("change", ["pause", "resume"])
def test_a_connection_that_is_cut_at_a_change_loses_none(stage: Stage, change: str) -> None:
    """Nobody listens for pauses, so there is nothing to miss."""
    proxy = stage.proxy()
    queue = stage.client.queue(QUEUE)
    for _ in range(2):
        stage.worker(proxy.url)
    for _ in range(5):
        queue.resume(wait=True) if change == "pause" else queue.pause(wait=True)
        proxy.refuse()
        queue.pause() if change == "pause" else queue.resume()
        ids = stage.enqueue(jobs.quick, 0.0, count=5)
        proxy.heal()
        if change == "pause":
            queue.pause(wait=True)
            assert not stage.starts().keys() & ids
            queue.resume()
        stage.wait_until_ended(ids, 5)


def test_twenty_toggles_end_in_the_last_state_on_every_worker(stage: Stage) -> None:
    """Within 2 s, with jobs under way; none is lost or run twice."""
    for _ in range(3):
        stage.worker(max_demand=20)
    queue = stage.client.queue(QUEUE)
    ids = stage.enqueue(jobs.quick, 0.001, count=2000)
    for _ in range(10):
        queue.resume()
        queue.pause()
    queue.pause(wait=True)
    wait_until(lambda: not stage.counts().running)
    started = set(stage.starts())
    assert [worker.record["paused"] for worker in queue.workers()] == [True] * 3
    assert stage.counts().ready == len(ids) - len(started)
    for _ in range(10):
        queue.pause()
        queue.resume()

    stage.wait_until_ended(ids)
    assert set(stage.starts().values()) == {1}


def test_one_worker_is_held_back_in_its_own_process(stage: Stage) -> None:
    """By its id, as an operator takes a pod out of service."""
    queue = stage.client.queue(QUEUE)
    stage.worker()
    (held,) = queue.workers()
    stage.worker()
    queue.pause(worker=held.id, wait=True)
    ids = stage.enqueue(jobs.quick, 0.0, count=50)
    stage.wait_until_ended(ids)

    assert held.record["pid"] not in {run.pid for run in stage.runs()}
