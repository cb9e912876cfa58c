"""``flume dev`` as a process: its own Valkey, its end, and what it says of jobs that fail."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from flume import Client
from tests.support.processes import REPOSITORY, Process, running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process

JOBS = """\
from flume import Discard, handler


@handler
def greet(name: str) -> None:
    if not name:
        raise Discard("nobody to greet", bury=True)
"""
MANIFEST = """\
apiVersion: flume.dev/v1alpha1
kind: Pipeline
metadata: {name: greetings}
spec: {queue: greetings, modules: [greeting]}
"""

Dev = Callable[..., Process]


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    """Return what starts ``flume dev`` for an app with one handler."""
    (tmp_path / "greeting.py").write_text(JOBS, encoding="utf-8")
    manifest = tmp_path / "pipeline.yaml"
    manifest.write_text(MANIFEST, encoding="utf-8")
    environment = {"PYTHONPATH": str(REPOSITORY / "worker"), "PYTHONUNBUFFERED": "1"}
    with ExitStack() as stack:

        def start(*arguments: str) -> Process:
            command = [sys.executable, "-m", "flume", "dev", *arguments, str(manifest)]
            context = running(command, log=tmp_path / "dev.log", environment=environment)
            return stack.enter_context(context)

        yield start


def client_of(process: Process) -> Client:
    """Return a client of the Valkey that it started, once its worker claims."""
    process.wait_for_output("worker_started")
    found = re.search(r"export FLUME_REDIS_URL=(\S+)", process.output)
    assert found
    return Client(found[1])


def test_until_empty_waits_for_the_first_job_of_its_own_valkey(dev: Dev) -> None:
    """The queue is always empty at first, so it would end before anybody could enqueue."""
    process = dev("--until-empty")
    with client_of(process) as client:
        queue = client.queue("greetings")
        beats: set[datetime] = set()

        def has_beaten_twice() -> bool:  # longer than two looks for empty queues
            beats.update(worker.seen for worker in queue.workers())
            return len(beats) > 2

        wait_until(has_beaten_twice)
        client.enqueue("greetings", "greeting.greet", "Ada")

    assert process.wait() == 0


def test_ctrl_c_ends_it_while_jobs_are_left(dev: Dev) -> None:
    """What looks for empty queues must not keep a process that was told to stop."""
    process = dev("--until-empty")
    with client_of(process) as client:
        client.enqueue("greetings", "another.handler")
    process.send(signal.SIGINT)

    assert process.wait() == 0


def test_a_failed_run_is_shown_once_with_the_text_of_its_error(dev: Dev) -> None:
    """On a laptop the text is what one looks for, and no dead-letter list is open."""
    process = dev()
    with client_of(process) as client:
        job = client.enqueue("greetings", "greeting.greet", "")
    process.wait_for_output("is dead")
    process.terminate()
    process.wait()

    lines = [line for line in process.output.splitlines() if job.id in line]
    assert len(lines) == 1
    assert "greeting.greet is dead: Discard: nobody to greet" in lines[0]
    assert "greeting.py:7 greet, attempt 1" in lines[0]


def test_json_logs_of_it_are_json_and_hold_no_text_of_errors(dev: Dev) -> None:
    """Whoever asks for the lines of a pod wants to read them with the same program."""
    process = dev("--log-format", "json")
    with client_of(process) as client:
        client.enqueue("greetings", "greeting.greet", "")
    process.wait_for_output("job_buried")
    process.terminate()
    process.wait()

    lines = process.output.splitlines()
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    assert "job_buried" in [line["event"] for line in logged]
    assert len(lines) - len(logged) == 2  # its name and the address of its Valkey
    assert "nobody to greet" not in process.output
