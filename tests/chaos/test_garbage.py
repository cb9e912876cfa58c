"""Foreign data in any of our keys stops at most one queue, and only for as long as it is there."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flume import Client
from flume.commands.command import text
from flume.connection import SyncConnections
from flume.errors import ForeignDataError
from flume.keys import Keys, queues_key
from flume.runtime.wakeups import BLOCK_S
from tests.chaos.stage import MODULE, Stage, events
from tests.chaos_app import jobs
from tests.support.garbage import VALUES, spoil
from tests.support.processes import REPOSITORY, Process, running
from tests.support.rig import Rig
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process

HANDLER = f"{MODULE}.quick"
KINDS = {
    "alone": "list",
    "clock": "hash",
    "dead": "zset",
    "handlers": "set",
    "jobs": "hash",
    "pause": "hash",
    f"ready:{HANDLER}": "list",
    "retrying": "zset",
    "running": "zset",
    "scheduled": "zset",
    "senders": "hash",
    "settings": "hash",
    "stats": "hash",
    "suspects": "hash",
    "unique": "hash",
    "unique_of": "hash",
    f"wake:{HANDLER}": "zset",
    "workers": "hash",
}
"""Every key of a queue: each test has a queue for each, and spoils that key in it."""
HARMLESS = {"alone", "dead", "retrying", "scheduled", "senders", "settings", "unique", "unique_of"}
"""Keys whose garbage a worker that only claims and completes may never meet."""
BEATS = round(2 * BLOCK_S) + 4
"""Of another queue's worker, two a second, until what garbage does has shown: a worker that is
blocked looks again, and a lease of two seconds lapses."""
LINES = 15
"""Most log lines of a queue: its worker says what is wrong, and does not say it each time."""


@dataclass
class Spoiled:
    """A queue with the key that is spoiled in it."""

    name: str
    kind: str
    keys: Keys
    ids: set[str] = field(default_factory=set)

    @property
    def key(self) -> str:
        """The key in full."""
        return f"{self.keys.prefix}:{{{self.keys.queue}}}:{self.name}"


class Scene:
    """A process with a worker for each of the queues, and a queue that nobody touches."""

    def __init__(self, stage: Stage, process: Process) -> None:
        self.process = process
        self.spoiled = spoiled()
        self.calm = Keys("calm")
        self.connections = SyncConnections(stage.server.url)
        self.client = Client(stage.server.url, timeout=2)
        self.stage = stage

    def enqueue(self, each: Spoiled, gate: str = "") -> bool:
        """Enqueue one job of a queue and return whether it was taken."""
        handler, args = (jobs.at_gate, [gate]) if gate else (jobs.quick, [])
        try:
            each.ids.add(self.client.enqueue(each.keys.queue, handler.name, *args).id)
        except ForeignDataError as error:
            if each.key not in str(error):
                raise
            return False
        return True

    def beat(self, times: int) -> None:
        """Return once the calm queue's worker has beaten ``times`` more."""
        for _ in range(times):
            last = self.connections.call("HGET", self.calm.clock, "beat")
            wait_until(
                lambda last=last: self.connections.call("HGET", self.calm.clock, "beat") != last  # type: ignore[misc]
            )

    def seconds(self) -> float:
        """Return how long the process has computed."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def lines(self, each: Spoiled) -> list[dict[str, str]]:
        """Return what the worker of a queue has logged."""
        lines = [json.loads(line) for line in self.process.output.splitlines()]
        return [line for line in lines if line.get("queue") == each.keys.queue]


def spoiled() -> list[Spoiled]:
    """Return a queue for each key."""
    return [
        Spoiled(name, kind, Keys(f"q-{place}")) for place, (name, kind) in enumerate(KINDS.items())
    ]


@pytest.fixture
def scene(stage: Stage, tmp_path: Path) -> Iterator[Scene]:
    """Return the queues, with a worker for each in one process."""
    queues = ["calm", *(each.keys.queue for each in spoiled())]
    sources = [str(REPOSITORY), str(REPOSITORY / "worker")]
    with running(
        [sys.executable, "-m", "tests.chaos_app.many", *queues],
        log=tmp_path / "many.log",
        environment={
            **stage.environment,
            "FLUME_REDIS_URL": stage.server.url,
            "PYTHONPATH": os.pathsep.join(sources),
        },
    ) as process:
        wait_until(lambda: process.output.count('"worker_started"') == len(queues), 20)
        scene = Scene(stage, process)
        yield scene
        scene.connections.close()
        scene.client.close()


def test_foreign_keys_are_named_and_everything_goes_on_once_they_are_gone(scene: Scene) -> None:
    """Another application wrote a string to a key of ours: nothing crashes and nothing spins."""
    for each in scene.spoiled:
        scene.enqueue(each, "gate")
    scene.stage.wait_until_started(_ids(scene))
    for each in scene.spoiled:
        if scene.connections.call("EXISTS", each.key):
            scene.connections.call("RENAME", each.key, f"saved:{each.key}")
        scene.connections.call("SET", each.key, "foreign")
    scene.connections.call("RENAME", queues_key(), f"saved:{queues_key()}")
    scene.connections.call("SET", queues_key(), "foreign")
    began, used = time.monotonic(), scene.seconds()
    refused = [each for each in scene.spoiled if not scene.enqueue(each)]
    scene.stage.open_gate("gate")
    scene.beat(BEATS)
    share = (scene.seconds() - used) / (time.monotonic() - began)
    for key in [*(each.key for each in scene.spoiled), queues_key()]:
        if scene.connections.call("EXISTS", f"saved:{key}"):
            scene.connections.call("RENAME", f"saved:{key}", key)  # at once: a gap would lose jobs
        else:
            scene.connections.call("DEL", key)
    for each in refused:
        assert scene.enqueue(each)

    scene.stage.wait_until_ended(_ids(scene))

    for each in scene.spoiled:
        wait_until(lambda each=each: _is_empty(scene, each), what=f"an empty {each.name}")  # type: ignore[misc]
        lines = scene.lines(each)
        assert len(lines) < LINES, each.name
        assert each.name in HARMLESS or any(each.key in str(line) for line in lines), each.name
    assert scene.process.returncode is None
    assert share < 0.5


def test_foreign_contents_cost_at_most_themselves(scene: Scene) -> None:
    """Values that we never write are passed over or buried, and do not stop what comes after."""
    for each in scene.spoiled:
        scene.enqueue(each, "gate")
    scene.stage.wait_until_started(_ids(scene))
    for each in scene.spoiled:
        rig = Rig(scene.connections, each.keys)
        for value in VALUES:
            spoil(rig, each.key, each.kind, value)
    began, used = time.monotonic(), scene.seconds()
    for each in scene.spoiled:
        assert scene.enqueue(each), each.name
    scene.stage.open_gate("gate")
    scene.beat(BEATS)
    share = (scene.seconds() - used) / (time.monotonic() - began)
    pause = next(each for each in scene.spoiled if each.name == "pause")
    running_, waiting = sorted(pause.ids)  # by age
    scene.stage.wait_until_ended(_ids(scene) - {waiting})
    assert waiting not in scene.stage.starts()  # what cannot be read counts as a pause
    assert running_ in scene.stage.ends()

    scene.connections.call("DEL", pause.key)

    scene.stage.wait_until_ended({waiting})
    assert set(scene.stage.starts().values()) == {1}
    for each in scene.spoiled:
        assert len(scene.lines(each)) < LINES, each.name
    assert scene.process.returncode is None
    assert share < 0.5


def test_a_worker_that_starts_on_a_foreign_key_waits_until_it_is_gone(stage: Stage) -> None:
    """To end with an error would be to be started again, and again."""
    stage.call("SET", stage.keys.workers, "foreign")
    worker = stage.worker(waits=False)

    worker.wait_for_output(stage.keys.workers, 20)

    stage.call("DEL", stage.keys.workers)
    worker.wait_for_output('"worker_started"')
    assert [line["event"] for line in events(worker)] == ["worker_not_registered", "worker_started"]


def _ids(scene: Scene) -> set[str]:
    return {job_id for each in scene.spoiled for job_id in each.ids}


def _is_empty(scene: Scene, each: Spoiled) -> bool:
    left = {text(key) for key in scene.connections.call("HKEYS", each.keys.jobs)}
    return left.isdisjoint(each.ids)
