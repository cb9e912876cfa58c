"""forget: delete dead jobs that are named."""

from __future__ import annotations

import pytest

from flume.commands import client
from tests.support.rig import Rig

pytestmark = pytest.mark.usefixtures("emptied")


def test_a_named_dead_job_is_deleted(rig: Rig) -> None:
    """With its body, and counted as purged."""
    ada = rig.worker()
    rig.enqueue(2)
    taken = ada.claim()
    ada.bury(taken)
    forgotten = rig.run(client.forget(rig.keys, taken.ids[:1]))
    left = rig.counts().dead
    rig.purge(rig.keys.dead)

    assert (forgotten, left) == (1, 1)
    assert rig.find(taken.ids[0]) is None
    assert rig.total("purged") == 2


def test_a_job_that_is_not_dead_is_left_alone(rig: Rig) -> None:
    """One that was redriven meanwhile must still run."""
    ids = rig.enqueue()
    forgotten = rig.run(client.forget(rig.keys, ids))
    state = rig.state(ids[0])
    rig.purge(rig.keys.ready("send"))

    assert (forgotten, state) == (0, "ready")


def test_sent_twice_it_counts_once(rig: Rig) -> None:
    """A resend after a lost reply changes nothing more."""
    ada = rig.worker()
    rig.enqueue()
    taken = ada.claim()
    ada.bury(taken)
    first = rig.run(client.forget(rig.keys, taken.ids))
    again = rig.run(client.forget(rig.keys, taken.ids))

    assert (first, again) == (1, 0)
    assert rig.total("purged") == 1
