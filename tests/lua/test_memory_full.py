"""Memory is full and nothing may be evicted: no new job gets in, and the queue drains.

A script goes on if its first write is one that a full server does not refuse.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flume.errors import ServerFullError
from flume.job import new_id
from tests.support.rig import MINUTE, Rig
from tests.support.scenarios import SCENARIOS, script_of
from tests.support.servers import Server

REFUSED = {"enqueue", "enqueue_unique", "schedule"}
"""Scripts that bring new jobs."""


@pytest.fixture
def full(server: Server) -> Iterator[Server]:
    """Return the server; ``fill`` makes its memory full."""
    yield server
    server.call("CONFIG", "SET", "maxmemory", 0)


def fill(server: Server) -> None:
    """Refuse every command that could take more memory."""
    server.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.call("CONFIG", "SET", "maxmemory", 1)


@pytest.mark.parametrize("name", SCENARIOS)
def test_only_what_brings_something_new_is_refused(rig: Rig, full: Server, name: str) -> None:
    """Jobs that are there must be run, or the memory would never get free again."""
    command = SCENARIOS[name](rig)
    before = rig.dump()
    fill(full)
    if script_of(name) in REFUSED:
        with pytest.raises(ServerFullError, match="nothing was stored"):
            rig.run(command)
        assert rig.dump() == before
    else:
        rig.run(command)


def test_a_full_queue_drains(rig: Rig, full: Server, emptied: None) -> None:
    """By every way a job can end; and a worker that crashed is replaced."""
    rig.enqueue(20)
    rig.run(rig.enqueueing_unique(new_id()))
    ada = rig.worker("ada")
    fill(full)
    bob = rig.worker("bob")
    ada.retry(ada.claim(3), wait_ms=1000)
    ada.bury(ada.claim(3))
    ada.release(ada.claim(3))
    ada.claim(3)
    rig.outlive(bob)
    assert len(rig.reclaim().charged) == 3
    assert rig.promote() == 3
    while (taken := bob.claim(4)).ids:
        assert bob.extend(taken) == []
        assert bob.complete(taken) == []
    rig.purge(rig.keys.dead)

    assert rig.total("completed") == 18


def test_a_refused_call_can_be_sent_again(rig: Rig, full: Server) -> None:
    """Once there is room: the refusal was not remembered as a call that was applied."""
    command = rig.enqueueing([new_id()])
    fill(full)
    with pytest.raises(ServerFullError):
        rig.run(command)
    full.call("CONFIG", "SET", "maxmemory", 0)
    rig.run(command)

    assert len(rig.ready()) == 1


def test_a_beat_in_a_silence_goes_on(rig: Rig, full: Server) -> None:
    """The hold after an outage must be stored, or live workers would lose their jobs."""
    ada = rig.worker()
    rig.enqueue()
    ada.claim()
    fill(full)
    rig.move_clock(10 * MINUTE)
    ada.beat()

    assert rig.reclaim().seen == 0
