"""What the kubelet asks a worker: has it started, does it live, does it claim."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flume import Client
from flume.errors import ConfigurationError
from flume.health import HealthServer
from tests.support.probing import Probe, lines_of, probe_of
from tests.support.processes import REPOSITORY, running, spawn_worker
from tests.support.servers import Server, free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process

QUEUE = "orders"
OPTIONS = ("--queue", QUEUE, "--module", "tests.runtime.observed", "--health-port", "0")

BOUNDED = """
import sys
from flume.delivery.python import load
from flume.pipeline import PipelineSettings
from flume.logs import configure
from flume.runtime.process import ProcessConfig, run
from flume.runtime.worker import WorkerConfig

configure()
worker = WorkerConfig(PipelineSettings("orders"), load(["tests.runtime.observed"]))
sys.exit(run(ProcessConfig([worker], health_port=0, loop_bound_s=1.0)))
"""
"""A worker whose event loop may be blocked for a second, instead of two minutes."""


@pytest.fixture
def client(valkey: Server) -> Iterator[Client]:
    """Return a client of Valkey."""
    with Client(valkey.url) as opened:
        yield opened


@contextmanager
def answering(**checks: tuple[bool, str]) -> Iterator[Probe]:
    """Serve pages that always answer the same."""
    pages = {f"/{name}": (lambda answer=answer: answer) for name, answer in checks.items()}
    server = HealthServer(0, checks=pages, metrics=lambda: b"# nothing\n")
    server.start()
    try:
        yield Probe(server.port)
    finally:
        server.stop()


def test_a_worker_waits_for_redis_alive_and_not_ready(tmp_path: Path) -> None:
    """A restart would not bring Redis back: only readiness may fail while it is away."""
    server = Server("valkey", tmp_path)
    server.port = free_port()
    with spawn_worker(*OPTIONS, url=server.url, log=tmp_path / "log") as worker:
        probe = probe_of(worker)
        worker.wait_for_output("redis_away")
        away = {path: probe.get(path) for path in ("/startupz", "/healthz", "/readyz")}
        server.start()
        try:
            first = probe.wait_for("/readyz", 200)
            server.stop()
            gone = probe.wait_for("/readyz", 503)
            server.start()
            second = probe.wait_for("/readyz", 200)
            worker.terminate()
            code = worker.wait()
        finally:
            server.stop()

    assert away == {
        "/startupz": (200, "ok\n"),
        "/healthz": (200, "ok\n"),
        "/readyz": (503, f"{QUEUE}: Redis does not answer\n"),
    }
    assert first == second == "ok\n"
    assert gone == f"{QUEUE}: Redis does not answer\n"
    assert code == 0
    assert [line["event"] for line in lines_of(worker)] == [
        "health_served",
        "redis_away",
        "redis_back",
        "worker_started",
        "redis_away",
        "redis_back",
        "worker_stopped",
    ]


def test_a_worker_that_finishes_its_jobs_is_alive_and_not_ready(
    valkey: Server, client: Client, tmp_path: Path
) -> None:
    """It claims no more, so that a rollout must not count it; it is no reason to kill it."""
    client.enqueue(QUEUE, "hold")
    with spawn_worker(*OPTIONS, url=valkey.url, log=tmp_path / "log") as worker:
        probe = probe_of(worker)
        wait_until(lambda: client.queue(QUEUE).counts().running == 1)
        before = probe.get("/readyz")
        worker.terminate()
        ending = probe.wait_for("/readyz", 503)
        alive = probe.get("/healthz")
        worker.terminate()  # the second one gives up the grace
        code = worker.wait()

    assert before == (200, "ok\n")
    assert ending == f"{QUEUE}: it does not claim\n"
    assert alive == (200, "ok\n")
    assert code == 0


def test_a_loop_that_is_blocked_for_too_long_is_not_alive(
    valkey: Server, client: Client, tmp_path: Path
) -> None:
    """Such a worker extends its leases for ever and runs nothing: only a restart helps."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    paths = os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "worker")))
    environment = {"FLUME_REDIS_URL": valkey.url, "PYTHONPATH": paths}
    command = [sys.executable, "-c", BOUNDED]
    with running(command, log=tmp_path / "log", environment=environment) as worker:
        probe = probe_of(worker)
        probe.wait_for("/readyz", 200)
        client.enqueue(QUEUE, "block", str(gate))
        stuck = probe.wait_for("/healthz", 503)
        metrics = probe.get("/metrics")
        gate.write_bytes(b"")  # lets the handler go
        again = probe.wait_for("/healthz", 200)

    assert stuck.startswith("the event loop has not turned for 1.")
    assert stuck.endswith("s: a handler blocks it\n")
    assert metrics[0] == 200
    assert again == "ok\n"


def test_a_check_that_fails_answers_503_with_the_reason() -> None:
    """``kubectl describe pod`` shows the text of a failed probe."""
    with answering(readyz=(False, "orders: it does not claim"), healthz=(True, "ok")) as probe:
        found = probe.get("/readyz"), probe.get("/healthz?verbose=1"), probe.get("/health")

    assert found == (
        (503, "orders: it does not claim\n"),
        (200, "ok\n"),
        (404, "no such page; there are /readyz, /healthz, /metrics\n"),
    )


def test_probes_come_over_ipv4_and_ipv6() -> None:
    """A pod's address is whatever its cluster has."""
    hosts = ["127.0.0.1", "[::1]"] if _has_ipv6() else ["127.0.0.1"]
    with answering(healthz=(True, "ok")) as probe:
        found = {host: probe.get("/healthz", host=host) for host in hosts}

    assert found == dict.fromkeys(hosts, (200, "ok\n"))


def test_a_port_that_is_taken_is_named() -> None:
    """Two workers on a laptop with one FLUME_HEALTH_PORT."""
    with (
        answering() as probe,
        pytest.raises(ConfigurationError, match=f"port {probe.port} for health") as raised,
    ):
        HealthServer(probe.port, checks={}, metrics=bytes)

    assert "--health-port" in str(raised.value)


def test_metrics_that_cannot_be_made_are_an_error_and_not_a_trace(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads the log as JSON must not stumble over what the library would print."""

    def fail() -> bytes:
        raise ValueError("ada@example.com")

    server = HealthServer(0, checks={}, metrics=fail)
    server.start()
    status, text = Probe(server.port).get("/metrics")
    wait_until(lambda: caplog.records)
    server.stop()

    assert (status, text) == (500, "see the log\n")
    assert [record.getMessage() for record in caplog.records] == ["health_failed"]
    assert capfd.readouterr() == ("", "")


def test_a_client_that_goes_away_leaves_no_line(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Port scanners and load balancers open connections and say nothing."""
    with answering(healthz=(True, "ok")) as probe:
        for said in (b"", b"GET /healthz HTTP/1.0\r\n", b"\x16\x03\x01nonsense\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", probe.port)) as connection:
                connection.sendall(said)
        found = probe.get("/healthz")

    assert found == (200, "ok\n")
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
