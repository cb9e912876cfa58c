"""What a worker does for the pod it runs in: hooks, a mounted Secret, a mounted manifest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from flume import Client
from flume.health import TOKEN_HEADER
from tests.support.command_line import flume
from tests.support.probing import lines_of, probe_of
from tests.support.processes import REPOSITORY, spawn_worker
from tests.support.servers import Server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process

QUEUE = "orders"
OPTIONS = ("--queue", QUEUE, "--module", "tests.runtime.observed", "--health-port", "0")
TOKEN = {"FLUME_DRAIN_TOKEN": "3f2a"}
SHOWN = {TOKEN_HEADER: "3f2a"}

MANIFEST = """
apiVersion: flume.dev/v1alpha1
kind: Pipeline
metadata: {name: orders}
spec: {queue: orders, modules: [tests.runtime.observed], FIELDS}
"""


@pytest.fixture
def client(valkey: Server) -> Iterator[Client]:
    """Return a client of Valkey, whose queue is empty."""
    valkey.call("FLUSHALL")
    with Client(valkey.url) as opened:
        yield opened


def mount(folder: Path, fields: str) -> Path:
    """Write the manifest as the kubelet does: a new file takes the place of the old one."""
    path, new = folder / "pipeline.yaml", folder / "new"
    new.write_text(MANIFEST.replace("FIELDS", fields))
    new.replace(path)
    return path


def await_beats(client: Client) -> None:
    """Return once the worker has beaten twice, or has left."""
    seen: set[datetime] = set()

    def has_beaten() -> bool:
        found = client.queue(QUEUE).workers()
        seen.update(worker.seen for worker in found)
        return not found or len(seen) > 2

    wait_until(has_beaten, what="two beats")


def test_the_hook_drains_and_leaves_the_grace_to_the_signal_after_it(
    valkey: Server, client: Client, tmp_path: Path
) -> None:
    """SIGTERM follows the hook's answer at once: taken for a second wish, it would cut jobs off."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    client.enqueue(QUEUE, "await_gate", str(gate))
    with spawn_worker(*OPTIONS, url=valkey.url, log=tmp_path / "log", environment=TOKEN) as worker:
        probe = probe_of(worker)
        wait_until(lambda: client.queue(QUEUE).counts().running == 1)
        answer = probe.get("/drain", headers=SHOWN)
        ready = probe.get("/readyz")
        worker.terminate()
        client.enqueue(QUEUE, "await_gate", str(gate))
        await_beats(client)
        counts_before = client.queue(QUEUE).counts()
        gate.write_bytes(b"")
        code = worker.wait()
    counts = client.queue(QUEUE).counts()

    assert (counts_before.running, counts_before.ready) == (1, 1)
    assert answer == (200, "draining\n")
    assert ready == (503, f"{QUEUE}: it does not claim\n")
    assert (code, counts.totals["completed"], counts.ready) == (0, 1, 1)


def test_a_worker_that_was_drained_ends_without_a_signal(
    valkey: Server, client: Client, tmp_path: Path
) -> None:
    """Below a shell that hears no signal, this is all that stops it in order."""
    with spawn_worker(*OPTIONS, url=valkey.url, log=tmp_path / "log", environment=TOKEN) as worker:
        probe = probe_of(worker)
        probe.wait_for("/readyz", 200)
        probe.get("/drain", headers=SHOWN)
        code = worker.wait()

    assert code == 0
    assert [line["event"] for line in lines_of(worker)][-2:] == ["drain_asked", "worker_stopped"]


@pytest.mark.parametrize(
    ("environment", "headers", "status"),
    [
        (TOKEN, {}, 403),
        (TOKEN, {TOKEN_HEADER: "3f2b"}, 403),
        (TOKEN, {TOKEN_HEADER: ""}, 403),
        ({}, SHOWN, 404),
        ({"FLUME_DRAIN_TOKEN": ""}, {TOKEN_HEADER: ""}, 404),
    ],
)
def test_who_does_not_know_the_token_drains_nothing(
    valkey: Server,
    tmp_path: Path,
    environment: dict[str, str],
    headers: dict[str, str],
    status: int,
) -> None:
    """Any pod of the cluster can reach the port, and this page is final."""
    with spawn_worker(
        *OPTIONS, url=valkey.url, log=tmp_path / "log", environment=environment
    ) as worker:
        probe = probe_of(worker)
        probe.wait_for("/readyz", 200)
        answer = probe.get("/drain", headers=headers)
        still = probe.get("/readyz")

    assert answer[0] == status
    assert "3f2a" not in answer[1]
    assert still == (200, "ok\n")


def test_a_worker_outlives_the_change_of_its_password(
    valkey: Server, client: Client, tmp_path: Path
) -> None:
    """First there is no Secret, then a wrong one, then the right one; and it is rotated."""
    file = tmp_path / "url"
    user = valkey.url.replace("//", "//pods:{}@")

    def allow(password: str) -> None:
        valkey.call("ACL", "SETUSER", "pods", "reset", "on", f">{password}", "~*", "&*", "+@all")
        valkey.call("CLIENT", "KILL", "USER", "pods")

    allow("one")
    with spawn_worker(
        *OPTIONS, "--redis-file", str(file), url="redis://nowhere.invalid:1", log=tmp_path / "log"
    ) as worker:
        probe = probe_of(worker)
        worker.wait_for_output("No such file")
        file.write_text(user.format("mistaken"))
        started = probe.get("/startupz")
        file.write_text(user.format("one"))
        probe.wait_for("/readyz", 200)
        allow("two")
        probe.wait_for("/readyz", 503)
        alive = probe.get("/healthz")
        file.write_text(user.format("two"))
        probe.wait_for("/readyz", 200)
        client.enqueue(QUEUE, "deliver", "ada")
        wait_until(lambda: client.queue(QUEUE).counts().totals.get("completed") == 1)
        worker.terminate()
        code = worker.wait()
    valkey.call("ACL", "DELUSER", "pods")

    assert (started, alive, code) == ((200, "ok\n"), (200, "ok\n"), 0)
    assert "mistaken" not in worker.output


def test_a_worker_waits_for_the_rights_it_lacks(
    valkey: Server, client: Client, tmp_path: Path
) -> None:
    """In a pod, leaving is a crash loop; and whoever grants the right would have to wait it out."""
    file = tmp_path / "url"
    file.write_text(valkey.url.replace("//", "//pods:one@"))
    valkey.call("ACL", "SETUSER", "pods", "reset", "on", ">one", "~*", "&*", "+ping")
    with spawn_worker(
        *OPTIONS, "--redis-file", str(file), url=valkey.url, log=tmp_path / "log"
    ) as worker:
        worker.wait_for_output("worker_not_registered")
        valkey.call("ACL", "SETUSER", "pods", "+@all")
        probe_of(worker).wait_for("/readyz", 200)
    valkey.call("ACL", "DELUSER", "pods")

    [line] = [line for line in lines_of(worker) if line["event"] == "worker_not_registered"]
    assert "Grant this user what it lacks" in line["reason"]


def test_a_mounted_manifest_is_followed_where_there_is_no_record(
    valkey: Server, client: Client, tmp_path: Path
) -> None:
    """With the operator away and Redis emptied, the ConfigMap is what a person can still change."""
    path = mount(tmp_path, "paused: true")
    with spawn_worker(
        "--manifest",
        str(path),
        "--health-port",
        "0",
        url=valkey.url,
        log=tmp_path / "log",
        environment={"FLUME_MAX_CRASHES": "9"},
    ) as worker:
        probe_of(worker).wait_for("/readyz", 200)
        client.enqueue(QUEUE, "deliver", "ada")
        mount(tmp_path, "paused: true, maxDemand: 7, leaseSeconds: 50")
        worker.wait_for_output("settings_changed")
        waiting = client.queue(QUEUE).counts().ready
        mount(tmp_path, "maxDemand: x")
        worker.wait_for_output("manifest_refused")
        mount(tmp_path, "maxDemand: 8, maxCrashes: 5, rateLimit: {count: 9, periodSeconds: 2}")
        wait_until(lambda: client.queue(QUEUE).counts().totals.get("completed") == 1)

    assert waiting == 1
    changed = [line["changed"] for line in lines_of(worker) if line["event"] == "settings_changed"]
    assert changed == [
        {"max_demand": [100, 7], "lease_s": [30.0, 50.0]},
        {
            "max_demand": [7, 8],
            "lease_s": [50.0, 30.0],
            "paused": [True, False],
            "rate_limit": [None, {"count": 9, "period_s": 2, "key": None}],
        },
    ]
    [refused] = [line for line in lines_of(worker) if line["event"] == "manifest_refused"]
    assert "maxDemand" in refused["reason"]


def test_a_worker_that_its_manifest_pauses_is_shown_as_paused(
    valkey: Server, client: Client, tmp_path: Path
) -> None:
    """Nothing in Redis pauses it, so that only the worker can say why its jobs wait."""
    path = str(mount(tmp_path, "paused: true, maxDemand: 7"))
    with spawn_worker(
        *("--manifest", path, "--health-port", "0"), url=valkey.url, log=tmp_path / "log"
    ) as worker:
        probe_of(worker).wait_for("/readyz", 200)
        wait_until(lambda: client.queue(QUEUE).workers() != [])
        shown = {
            name: flume(name, *more, url=valkey.url).lines
            for name, *more in (["workers"], ["queues"], ["pipelines"], ["settings", QUEUE])
        }
        told = {
            name: flume(name, "--json", url=valkey.url).objects[0]
            for name in ("workers", "queues", "pipelines")
        }
        resumed = flume("resume", QUEUE, url=valkey.url)
        mount(tmp_path, "paused: false")
        wait_until(lambda: not client.queue(QUEUE).workers()[0].record["paused"])
        after = flume("pipelines", url=valkey.url).lines[1].split()

    assert " paused (spec) " in shown["workers"][1]
    assert "part paused" in shown["queues"][1]
    assert " spec " in shown["pipelines"][1]
    assert " no settings record" in shown["pipelines"][1]
    assert ["paused", "true", "manifest"] in [line.split() for line in shown["settings"]]
    assert ["max_demand", "7", "manifest"] in [line.split() for line in shown["settings"]]
    assert (told["workers"]["paused"], told["workers"]["paused_by_settings"]) == (True, True)
    assert (told["queues"]["paused"], told["queues"]["paused_workers"]) == (False, 1)
    [pause] = told["pipelines"]["pauses"]
    assert (pause["source"], pause["worker"]) == ("spec", told["workers"]["id"])
    assert "stays paused: spec.paused of its own settings" in resumed.err
    assert after[1] == "live"


def test_a_stop_while_modules_are_imported_ends_at_once(valkey: Server, tmp_path: Path) -> None:
    """The first process of a container ignores a signal that it has no handler for."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    (tmp_path / "slow.py").write_text(f"print('importing', flush=True)\nopen({str(gate)!r}).read()")
    paths = os.pathsep.join((str(tmp_path), str(REPOSITORY / "worker")))
    with spawn_worker(
        "--queue",
        QUEUE,
        "--module",
        "slow",
        url=valkey.url,
        log=tmp_path / "log",
        environment={"PYTHONPATH": paths},
    ) as worker:
        worker.wait_for_output("importing")
        worker.terminate()
        code = worker.wait()

    assert code == 0


def test_a_worker_is_known_by_its_pod(valkey: Server, client: Client, tmp_path: Path) -> None:
    """A restarted container keeps its pod; it is another worker all the same."""
    environment = {"FLUME_POD_UID": "6f9c0e4e", "FLUME_POD_NAME": "orders-5d-x2"}
    ids = set()
    for log in ("first", "second"):
        with spawn_worker(
            *OPTIONS, url=valkey.url, log=tmp_path / log, environment=environment
        ) as worker:
            probe_of(worker).wait_for("/readyz", 200)
            [seen] = client.queue(QUEUE).workers()
            ids.add(seen.id)
            worker.terminate()
            worker.wait()

    assert len(ids) == 2
    assert all(each.startswith("6f9c0e4e-") for each in ids)
