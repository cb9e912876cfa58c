"""Ends: of Pipelines with a deletion policy, and of the operator itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from flume import Client
from flume.connection import SyncConnections
from flume.keys import Keys
from tests.support.operating import Shop
from tests.support.probing import lines_of
from tests.support.processes import Process
from tests.support.rig import Rig
from tests.support.servers import free_port
from tests.support.waiting import wait_until

STOP_SECONDS = 4.0
"""Less than the 5 s for which the end waits for a watch that has not heard of it."""


@pytest.fixture
def rig(shop: Shop) -> Iterator[Rig]:
    """Return the queue of the Pipeline email, as workers see it."""
    connections = SyncConnections(shop.server.url)
    try:
        yield Rig(connections, Keys(shop.queue("email")))
    finally:
        connections.close()


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(("policy", "left"), [("Drain", 3), ("Purge", 0)])
def test_a_deletion_policy_is_carried_out_and_the_pipeline_goes(
    shop: Shop, policy: str, left: int
) -> None:
    """Purge deletes what waits, Drain keeps it; both end the Pipeline."""
    shop.pipeline("email", deletionPolicy=policy)
    shop.await_reason("email", "SettingsSynced", "Synced")
    with Client(shop.server.url) as client:
        for _ in range(3):
            client.enqueue(shop.queue("email"), "app.jobs.send")
        shop.namespace.kubectl("delete", "pipeline", "email", "--timeout=30s")

        assert client.queue(shop.queue("email")).counts().ready == left


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("policy", ["Drain", "Purge"])
def test_a_pipeline_stays_until_the_jobs_that_run_have_ended(
    shop: Shop, rig: Rig, policy: str
) -> None:
    """Its pods go with it, and would take along what they are at."""
    shop.pipeline("email", deletionPolicy=policy)
    shop.await_reason("email", "SettingsSynced", "Synced")
    worker = rig.worker()
    rig.enqueue(2)
    taken = worker.claim(1)
    shop.namespace.kubectl("delete", "pipeline", "email", "--wait=false")
    shop.await_reason("email", "Drained", "Finishing")
    assert not worker.claim(1).ids
    assert shop.condition("email", "Ready")[1] == "Deleting"
    assert shop.has("deployment", "email")

    worker.complete(taken)
    wait_until(lambda: not shop.has("pipeline", "email"), 15, what="its end")
    assert rig.counts().ready == (1 if policy == "Drain" else 0)


@pytest.mark.usefixtures("operator")
def test_a_deletion_ends_though_its_redis_is_gone(shop: Shop) -> None:
    """A namespace that cannot be deleted because of us would be the worst of guests."""
    shop.make_secret("away", f"redis://127.0.0.1:{free_port()}/0")
    spec = {"deletionPolicy": "Purge", "drainTimeoutSeconds": 1}
    shop.pipeline("email", redis={"secretRef": {"name": "away"}}, **spec)
    shop.await_reason("email", "SettingsSynced", "RedisUnavailable")

    shop.namespace.kubectl("delete", "pipeline", "email", "--timeout=30s")


def test_an_operator_that_is_told_to_stop_ends_at_once_and_well(
    shop: Shop, operator: Process
) -> None:
    """What watches runs in a thread of its own, and has to hear of it: a rollout waits for it."""
    shop.pipeline("email")
    shop.await_reason("email", "SettingsSynced", "Synced")
    operator.terminate()
    code = operator.wait()
    times = {line["event"]: datetime.fromisoformat(line["time"]) for line in lines_of(operator)}

    assert code == 0
    assert (times["operator_stopped"] - times["leading_ended"]).total_seconds() < STOP_SECONDS
