"""What a worker process writes: JSON lines with the fields of the table, and no secrets."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flume import Client, ref
from flume.errors import ConfigurationError
from flume.logs import JsonFormatter, configure
from tests.support.probing import Probe, lines_of
from tests.support.processes import REPOSITORY, spawn_worker
from tests.support.servers import Server, free_port, running_server
from tests.support.tables import names, rows
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process

QUEUE = "orders"
OPTIONS = ("--queue", QUEUE, "--module", "tests.runtime.observed")

ARGUMENT, HEADER, PASSWORD = "ada.secret@example.com", "header-secret-7", "p4ssw0rd-secret"
SECRETS = (ARGUMENT, HEADER, PASSWORD)

STANDARD = {"time", "level", "logger", "event"}
"""Of every line."""


MANIFEST = f"""
apiVersion: flume.dev/v1alpha1
kind: Pipeline
metadata: {{name: mail}}
spec: {{queue: {QUEUE}, modules: [tests.runtime.observed]}}
"""


def add_user(server: Server) -> str:
    """Give the server a user with a password, and return the URL with both."""
    server.call("ACL", "SETUSER", "worker", "on", f">{PASSWORD}", "~*", "&*", "+@all")
    return f"redis://worker:{PASSWORD}@127.0.0.1:{server.port}/0"


@pytest.fixture
def client(valkey: Server) -> Iterator[Client]:
    """Return a client of Valkey."""
    with Client(valkey.url) as opened:
        yield opened


def enqueue(client: Client, handler: str, *args: Any) -> None:
    """Enqueue a job with a header that nobody should see."""
    client.enqueue(QUEUE, ref(handler).using(headers={"x-key": HEADER}), *args)


def test_every_line_is_json_with_the_fields_of_the_table(
    valkey: Server, client: Client, tmp_path: Path
) -> None:
    """Whoever collects logs parses each line, and finds what the page promises."""
    for handler in ("deliver", "deliver_sync", "fail", "fail_sync", "steer"):
        enqueue(client, handler, ARGUMENT)
    broken = client.enqueue(QUEUE, "deliver", ARGUMENT)
    valkey.call("HSET", f"flume:{{{QUEUE}}}:jobs", broken.id, f"{ARGUMENT} is no body")
    options = ("--log-level", "debug", "--max-retries", "1", "--backoff-initial", "0.01")

    with spawn_worker(
        *OPTIONS, *options, "--until-empty", url=valkey.url, log=tmp_path / "log"
    ) as worker:
        code = worker.wait(30)

    table = {names(row["event"])[0]: row for row in rows("logs", "event", below="Events")}
    ours = [line for line in lines_of(worker) if line["logger"].startswith("flume.")]
    assert code == 0
    assert {line["event"] for line in ours} >= {
        "job_completed",
        "job_retried",
        "job_buried",
        "job_discarded",
        "worker_started",
        "worker_stopped",
    }
    for line in ours:
        row = table[line["event"]]
        assert line.keys() == STANDARD | set(names(row["fields"]))
        assert line["level"] == row["level"]
        assert line["logger"] == names(row["logger"])[0]


def test_a_job_has_one_line_for_each_end_of_a_run(
    valkey: Server, client: Client, tmp_path: Path
) -> None:
    """More would make the log the slowest part, less would leave a job unexplained."""
    jobs = client.enqueue_many(QUEUE, [ref("deliver").job(ARGUMENT) for _ in range(20)])
    failing = client.enqueue(QUEUE, "fail", ARGUMENT)
    options = ("--log-level", "debug", "--max-retries", "2", "--backoff-initial", "0.01")

    with spawn_worker(
        *OPTIONS, *options, "--until-empty", url=valkey.url, log=tmp_path / "log"
    ) as worker:
        worker.wait(30)

    lines = [line for line in lines_of(worker) if "job_id" in line]
    ends = Counter((line["job_id"], line["event"]) for line in lines)
    attempts = [line["attempt"] for line in lines if line["job_id"] == failing.id]
    assert ends == {
        **{(job.id, "job_completed"): 1 for job in jobs},
        (failing.id, "job_retried"): 2,
        (failing.id, "job_buried"): 1,
    }
    assert attempts == [1, 2, 3]


def test_completed_jobs_are_silent_at_info(valkey: Server, client: Client, tmp_path: Path) -> None:
    """A hundred thousand lines a second would help nobody."""
    client.enqueue_many(QUEUE, [ref("deliver").job(ARGUMENT) for _ in range(20)])

    with spawn_worker(*OPTIONS, "--until-empty", url=valkey.url, log=tmp_path / "log") as worker:
        worker.wait(30)

    assert [line["event"] for line in lines_of(worker)] == ["worker_started", "worker_stopped"]


@pytest.mark.parametrize("style", ["json", "text"])
def test_no_secret_is_in_what_a_worker_shows(tmp_path: Path, style: str) -> None:
    """Logs and metrics go where what jobs are about may not; the error stays with its job."""
    options = ("--log-level", "debug", "--log-format", style, "--health-port", str(free_port()))
    fast = ("--max-retries", "1", "--backoff-initial", "0.01")
    with running_server("valkey", tmp_path) as server:
        url = add_user(server)
        with (
            Client(url) as client,
            spawn_worker(*OPTIONS, *options, *fast, url=url, log=tmp_path / "log") as worker,
        ):
            queue = client.queue(QUEUE)
            for handler in ("deliver", "deliver_sync", "fail", "fail_sync", "steer", "hold"):
                enqueue(client, handler, ARGUMENT)  # hold takes none: a TypeError
            wait_until(lambda: queue.counts().dead == 3 and queue.counts().totals["discarded"])
            page = Probe(int(options[-1])).get("/metrics")[1]
            record = str(queue.workers())
            kept = [job.error or "" for job in queue.dead.list()]
            server.call("ACL", "SETUSER", "worker", "-@scripting")
            worker.wait_for_output("claim_refused")
            server.stop()
            worker.wait_for_output("redis_away")
            worker.kill()

    for secret in SECRETS:
        assert secret not in worker.output
        assert secret not in page
        assert secret not in record
    for event in ("job_completed", "job_retried", "job_buried", "job_discarded"):
        assert event in worker.output
    assert len([error for error in kept if f"no mailbox for {ARGUMENT}" in error]) == 2


def test_no_secret_is_in_what_flume_dev_shows(tmp_path: Path) -> None:
    """Terminals are shared, recorded and pasted into tickets."""
    manifest = tmp_path / "mail.yaml"
    manifest.write_text(MANIFEST)
    with running_server("valkey", tmp_path) as server:
        url = add_user(server)
        with Client(url) as client:
            enqueue(client, "deliver", ARGUMENT)
        ended = subprocess.run(
            [sys.executable, "-m", "flume", "dev", str(manifest), "--redis", url, "--until-empty"],
            capture_output=True,
            text=True,
            check=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": f".{os.pathsep}worker"},
        )

    shown = ended.stdout + ended.stderr
    assert "worker_stopped" in shown
    for secret in SECRETS:
        assert secret not in shown


def test_a_wrong_password_is_not_repeated(valkey: Server, tmp_path: Path) -> None:
    """The message of a worker that cannot start is the first thing that is pasted somewhere."""
    url = f"redis://nobody:{PASSWORD}@127.0.0.1:{valkey.port}/0"

    with spawn_worker(*OPTIONS, url=url, log=tmp_path / "log") as worker:
        code = worker.wait()

    assert code == 4
    assert "refused the user or the password" in worker.output
    assert PASSWORD not in worker.output


@pytest.mark.parametrize("start", ["a/", "a[", "12/", "a#", "1?"])
def test_a_password_that_makes_the_url_unreadable_is_not_repeated(start: str) -> None:
    """Without percent-encoding, part of it stands where the port is looked for."""
    with pytest.raises(ConfigurationError, match="percent-encoded") as raised:
        Client(f"redis://worker:{start}{PASSWORD}@127.0.0.1:1/0")

    assert PASSWORD not in "".join(traceback.format_exception(raised.value))


def test_the_apps_own_lines_are_json_as_well(
    valkey: Server, client: Client, tmp_path: Path
) -> None:
    """One stream of one form, in which nothing of the app's replaces what Flume says."""
    client.enqueue(QUEUE, "say", "hello")

    with spawn_worker(*OPTIONS, "--until-empty", url=valkey.url, log=tmp_path / "log") as worker:
        worker.wait(30)

    (line,) = [line for line in lines_of(worker) if line["logger"] == "app"]
    assert (line["event"], line["level"], line["word"]) == ("said hello", "info", "hello")


def test_a_file_of_the_user_configures_everything(
    valkey: Server, client: Client, tmp_path: Path
) -> None:
    """A company has its own form of logs; the worker must not add a second one."""
    config = tmp_path / "logging.yaml"
    config.write_text(
        f"""
        version: 1
        formatters:
          ours: {{format: "%(levelname)s|%(name)s|%(message)s|%(queue)s"}}
          json: {{(): flume.logs.JsonFormatter}}
        handlers:
          ours: {{class: logging.FileHandler, filename: {tmp_path / "ours"}, formatter: ours}}
          json: {{class: logging.FileHandler, filename: {tmp_path / "json"}, formatter: json}}
        loggers:
          flume.worker: {{level: INFO, handlers: [ours]}}
          flume.job: {{level: DEBUG, handlers: [json]}}
        """
    )
    client.enqueue(QUEUE, "deliver", ARGUMENT)

    with spawn_worker(
        *OPTIONS,
        *("--log-config", str(config), "--until-empty"),
        url=valkey.url,
        log=tmp_path / "log",
    ) as worker:
        code = worker.wait(30)

    assert code == 0
    assert worker.output == ""
    assert (tmp_path / "ours").read_text().splitlines() == [
        f"INFO|flume.worker|worker_started|{QUEUE}",
        f"INFO|flume.worker|worker_stopped|{QUEUE}",
    ]
    assert json.loads((tmp_path / "json").read_text())["event"] == "job_completed"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: [", "while parsing"),
        ("[]", "list"),
        ("version: 2", "version"),
        ("version: 1\nhandlers: {out: {class: no.Such}}", "out"),
    ],
)
def test_a_file_that_configures_nothing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """A worker that logs nowhere is found out when it is needed most."""
    config = tmp_path / "logging.yaml"
    config.write_text(text)

    with pytest.raises(ConfigurationError, match="logging configuration") as raised:
        configure(config=str(config))

    assert said in str(raised.value)


def test_a_field_never_replaces_what_a_line_is_about() -> None:
    """``extra={"event": …}`` would make a line say something else than happened."""
    record = logging.makeLogRecord(
        {"msg": "job_completed", "name": "app", "event": "x", "level": "y", "job_id": "z"}
    )

    line = json.loads(JsonFormatter().format(record))

    assert (line["event"], line["level"], line["job_id"]) == ("job_completed", "level none", "z")
