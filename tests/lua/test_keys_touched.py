"""Every key that a script touches is one of its KEYS, as the server itself sees it.

A Redis Cluster learns from KEYS alone which machine to ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flume.connection import SyncConnections
from flume.keys import Keys
from tests.support.missing import require
from tests.support.rig import Rig
from tests.support.scenarios import SCENARIOS
from tests.support.servers import KINDS, Server, free_port, running_server
from tests.support.waiting import wait_until


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_script_touches_only_its_keys(rig: Rig, server: Server, name: str) -> None:
    """Watched from outside, while every part of the script has something to do."""
    command = SCENARIOS[name](rig)
    with server.watched() as calls:
        rig.run(command)
    touched = {call[1] for call in calls if call[0].upper() != "TIME"}

    assert touched
    assert touched <= {*command.keys}


@pytest.fixture(params=KINDS)
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Return a Redis Cluster of one machine."""
    options = ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
    require(request.param)
    with running_server(request.param, tmp_path, *options) as server:
        server.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: b"cluster_state:ok" in server.call("CLUSTER", "INFO"))
        yield server


@pytest.mark.server
def test_every_script_runs_in_a_cluster(cluster: Server) -> None:
    """It refuses a call whose keys are not all in one slot."""
    connections = SyncConnections(cluster.url)
    rig = Rig(connections, Keys("orders", "team:a"))
    for prepare in SCENARIOS.values():
        rig.call("FLUSHALL")
        connections.shift_ms = 0
        rig.run(prepare(rig))
    connections.close()
