"""``flume dev`` applies edits of its manifests, and refuses those with a mistake."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flume import Client
from flume.connection import SyncConnections
from flume.keys import Keys
from flume.manifest import ManifestError, load
from tests.runtime.recorded import BINDS_S
from tests.support.command_line import flume
from tests.support.processes import REPOSITORY, Process, running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process

JOBS = """\
import time
from pathlib import Path

from flume import handler


@handler
def wait_for(path: str) -> None:
    while not Path(path).exists():
        time.sleep(0.01)
"""
MANIFEST = """\
apiVersion: flume.dev/v1alpha1
kind: Pipeline
metadata: {name: greetings}
spec:
  queue: greetings
  modules: [waiting]
  concurrency: 2
"""


class Dev:
    """A ``flume dev`` whose manifest is edited."""

    def __init__(self, process: Process, folder: Path) -> None:
        self.process = process
        self.folder = folder
        process.wait_for_output("worker_started")
        found = re.search(r"export FLUME_REDIS_URL=(\S+)", process.output)
        assert found
        self.url = found[1]
        self.client = Client(self.url)
        self.queue = self.client.queue("greetings")

    def edit(self, text: str) -> None:
        """Put a new file in the old one's place, as editors do."""
        new = self.folder / "new.yaml"
        new.write_text(text, encoding="utf-8")
        os.replace(new, self.folder / "pipeline.yaml")

    def running(self) -> int:
        """Return how many jobs run."""
        return self.record("running")

    def record(self, field: str) -> int:
        """Return what the worker reports."""
        (worker,) = self.queue.workers()
        found: int = worker.record[field]
        return found

    def limit(self) -> dict[str, object]:
        """Return the rate limit that the worker reports."""
        (worker,) = self.queue.workers()
        found = dict(worker.record["limit_in_force"] or {})
        found.pop("is_mismatch", None)
        return found

    def enqueue(self, count: int) -> Path:
        """Enqueue jobs that end once the file is there."""
        gate = self.folder / "gate"
        for _ in range(count):
            self.client.enqueue("greetings", "waiting.wait_for", str(gate))
        return gate

    def completed(self) -> int:
        """Return how many jobs ended well."""
        return self.queue.counts().totals.get("completed", 0)


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    """Return a ``flume dev`` that runs."""
    (tmp_path / "waiting.py").write_text(JOBS, encoding="utf-8")
    manifest = tmp_path / "pipeline.yaml"
    manifest.write_text(MANIFEST, encoding="utf-8")
    environment = {"PYTHONPATH": str(REPOSITORY / "worker"), "PYTHONUNBUFFERED": ""}
    command = [sys.executable, "-m", "flume", "dev", str(manifest)]
    with running(command, log=tmp_path / "dev.log", environment=environment) as process:
        started = Dev(process, tmp_path)
        yield started
        started.client.close()


def test_an_edit_is_applied_while_jobs_run(dev: Dev) -> None:
    """Whoever tunes a pipeline sees at once what it does, and loses nothing that runs."""
    gate = dev.enqueue(6)
    wait_until(lambda: dev.running() == 2)
    dev.edit(MANIFEST.replace("concurrency: 2", "concurrency: 5\n  retry: {maxRetries: 8}"))
    wait_until(lambda: dev.running() == 5, BINDS_S, what="five jobs at once")
    dev.process.wait_for_output("greetings: concurrency 2 → 5\n")
    dev.process.wait_for_output("greetings: retry.maxRetries 5 → 8\n")
    gate.touch()
    wait_until(lambda: dev.completed() == 6)

    assert dev.record("generation") == 2
    assert dev.process.output.count("worker_started") == 1


def test_an_edit_with_a_mistake_is_refused_and_all_runs_on(dev: Dev, tmp_path: Path) -> None:
    """Half an edit is saved every day; the settings that were in force stay, all of them."""
    gate = dev.enqueue(4)
    wait_until(lambda: dev.running() == 2)
    wrong = MANIFEST.replace("concurrency: 2", "concurrency: 4\n  retry: {maxRetrys: 8}")
    dev.edit(wrong)
    with pytest.raises(ManifestError) as refused:
        load(tmp_path / "pipeline.yaml")
    dev.process.wait_for_output(str(refused.value))
    dev.process.wait_for_output("The edit is refused")
    assert (dev.record("generation"), dev.record("concurrency")) == (1, 2)
    assert dev.running() == 2
    gate.touch()
    wait_until(lambda: dev.completed() == 4)
    dev.edit(MANIFEST.replace("concurrency: 2", "concurrency: 4"))

    wait_until(lambda: dev.record("concurrency") == 4)
    assert dev.process.returncode is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no Pipeline in it"),
        (MANIFEST.replace("queue: greetings", "queue: others"), "queue of greetings cannot be"),
        (MANIFEST.replace("concurrency: 2", "concurrency: 200"), "must not exceed maxDemand"),
    ],
)
def test_what_cannot_be_is_refused(dev: Dev, text: str, said: str) -> None:
    """An empty file, another queue, and values that contradict each other."""
    dev.edit(text)
    dev.process.wait_for_output(said)
    dev.process.wait_for_output("The edit is refused")

    assert dev.record("generation") == 1


def test_what_needs_a_new_start_is_said_and_the_rest_applied(dev: Dev) -> None:
    """Modules are loaded once; a second change in the same edit must not wait for them."""
    dev.edit(
        MANIFEST.replace("[waiting]", "[waiting, more]").replace("concurrency: 2", "concurrency: 3")
        + "  image: example/app:2\n"
    )
    dev.process.wait_for_output("greetings: modules [waiting] → [waiting, more] waits until")
    dev.process.wait_for_output("greetings: image has changed, which has no effect in flume dev")
    dev.process.wait_for_output("greetings: concurrency 2 → 3\n")

    wait_until(lambda: dev.record("concurrency") == 3)


def test_a_rate_limit_in_the_file_binds_and_lets_go(dev: Dev) -> None:
    """It is raised while the worker waits for the end of an hour."""
    dev.edit(MANIFEST + "  rateLimit: {count: 2, periodSeconds: 3600, key: vendor}\n")
    wait_until(lambda: dev.record("generation") == 2)
    dev.enqueue(6).touch()
    wait_until(lambda: dev.completed() == 2)
    wait_until(lambda: dev.limit() == {"key": "vendor", "count": 2, "period_s": 3600.0})
    assert dev.completed() == 2

    dev.edit(MANIFEST + "  rateLimit: {count: 50, periodSeconds: 3600, key: vendor}\n")
    wait_until(lambda: dev.completed() == 6, BINDS_S + 1)


def test_paused_in_the_file_pauses_and_resumes(dev: Dev) -> None:
    """As kubectl patch would; a pause of a client is another one, and stays."""
    dev.edit(MANIFEST + "  paused: true\n")
    dev.process.wait_for_output("greetings: paused false → true\n")
    gate = dev.enqueue(1)
    assert [pause.source for pause in dev.queue.pauses()] == ["spec"]
    dev.queue.pause(reason="mine")
    dev.edit(MANIFEST)
    dev.process.wait_for_output("greetings: paused true → false\n")
    assert [pause.source for pause in dev.queue.pauses()] == ["client"]
    dev.queue.resume()
    gate.touch()

    wait_until(lambda: dev.completed() == 1)


def test_somebody_elses_record_is_obeyed_and_said(dev: Dev) -> None:
    """A laptop that joins a shared Redis must not change what production does."""
    connections = SyncConnections(dev.url)
    fields = ("owner", "shop/greetings", "uid", "them", "created", 1, "json", '{"concurrency":1}')
    connections.call("HSET", Keys("greetings").settings, *fields)
    connections.close()
    dev.edit(MANIFEST.replace("concurrency: 2", "concurrency: 5"))
    dev.process.wait_for_output("the settings of queue greetings belong to shop/greetings")

    wait_until(lambda: dev.record("concurrency") == 1)
    assert "concurrency 2 → 5" not in dev.process.output


def test_flume_settings_shows_what_is_in_force(dev: Dev) -> None:
    """Value, where it comes from, and who runs it."""
    wait_until(lambda: dev.record("generation") == 1)
    shown = flume("settings", "greetings", url=dev.url)
    (told,) = flume("settings", "greetings", "--json", url=dev.url).objects

    assert shown.lines[0].startswith("greetings: generation 1, of dev/greetings (")
    (concurrency,) = (line for line in shown.lines if line.startswith("concurrency"))
    assert concurrency.split() == ["concurrency", "2", "record"]
    assert any(line.split()[1:] == ["1", "runs", "them"] for line in shown.lines)
    assert told["settings"]["concurrency"] == {"value": 2, "from": "record"}
    assert [worker["current"] for worker in told["workers"]] == [True]
