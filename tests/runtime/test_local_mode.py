"""``flume dev`` as a process: its own Valkey, its end, and what it says of jobs that fail."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flume import Client
from tests.support.processes import REPOSITORY, Process, running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process

JOBS = """\
from flume import Client, Discard, handler

client = Client()


@handler
def greet(name: str) -> None:
    if not name:
        raise Discard("nobody to greet", bury=True)
    print(f"Hello {name}")


@handler
def greet_all(names: list[str]) -> None:
    client.enqueue_many("greetings", [greet.job(name) for name in names])
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
    environment = {"PYTHONPATH": str(REPOSITORY / "worker"), "PYTHONUNBUFFERED": ""}
    with ExitStack() as stack:

        def start(*arguments: str, variable: str = "") -> Process:
            given = {**environment, **({"FLUME_REDIS_URL": variable} if variable else {})}
            command = [sys.executable, "-m", "flume", "dev", *arguments, str(manifest)]
            context = running(command, log=tmp_path / "dev.log", environment=given)
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
    assert "greeting.py:9 greet, attempt 1" in lines[0]


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


def test_what_a_handler_enqueues_comes_to_the_same_redis(dev: Dev) -> None:
    """Its module made a client when it was imported, before anybody could know the address."""
    process = dev("--until-empty")
    with client_of(process) as client:
        client.enqueue("greetings", "greeting.greet_all", ["Ada", ""])

    assert process.wait() == 0
    assert "greeting.greet is dead" in process.output


def test_what_a_handler_prints_is_seen_at_once(dev: Dev) -> None:
    """A pipe or a pod's log must not hold it back until pages of it are there."""
    process = dev()
    with client_of(process) as client:
        client.enqueue("greetings", "greeting.greet", "Ada")

    process.wait_for_output("Hello Ada")


def test_data_is_kept_between_runs_in_a_folder_of_any_name(dev: Dev, tmp_path: Path) -> None:
    """The guide names it as seen from here; the Valkey inside it once looked for it from there."""
    folder = os.path.relpath(tmp_path / "kept", REPOSITORY)
    process = dev("--data", folder)
    with client_of(process) as client:
        client.enqueue_in("greetings", timedelta(days=1), "greeting.greet", "Ada")
    process.terminate()
    assert process.wait() == 0
    process.log.unlink()

    with client_of(dev("--data", folder)) as client:
        assert client.queue("greetings").counts().scheduled == 1


def test_a_valkey_that_cannot_start_says_why(dev: Dev, tmp_path: Path) -> None:
    """Its own words are the only ones that tell what to mend."""
    (tmp_path / "appendonlydir").write_text("no folder", encoding="utf-8")
    process = dev("--data", str(tmp_path))

    assert process.wait() == 2
    assert "ended with exit code 1" in process.output
    assert "appendonlydir" in process.output


def test_the_env_file_counts_for_options_and_for_redis(dev: Dev, tmp_path: Path) -> None:
    """A file that an app has already names its Redis: a second one would get the jobs of nobody."""
    file = tmp_path / "settings.env"
    file.write_text("FLUME_REDIS_URL=redis://127.0.0.1:1/0\nFLUME_LOG_FORMAT=json\n")
    with_redis = dev("--env-file", str(file))

    assert with_redis.wait() == 3
    assert "redis://127.0.0.1:1/0 did not answer" in with_redis.output
    file.write_text("FLUME_LOG_FORMAT=json\n", encoding="utf-8")
    dev("--env-file", str(file)).wait_for_output('"event": "worker_started"')


def test_which_redis_is_used_and_why_is_said(dev: Dev, tmp_path: Path) -> None:
    """A variable that a shell still has made it use that Redis, and nothing said so."""
    file = tmp_path / "settings.env"
    file.write_text("FLUME_REDIS_URL=redis://ada:secret@127.0.0.1:1/0\n", encoding="utf-8")
    url = "redis://:secret@127.0.0.1:1/0"
    by_variable = dev(variable=url)
    codes = [by_variable.wait()]
    codes.append(dev("--redis", url, variable="redis://127.0.0.1:2/0").wait())
    codes.append(dev("--env-file", str(file)).wait())
    url_file = tmp_path / "url"
    url_file.write_text(url, encoding="utf-8")
    codes.append(dev("--redis-file", str(url_file), variable=url).wait())
    with file.open("a", encoding="utf-8") as lines:
        lines.write(f"FLUME_REDIS_FILE={url_file}\n")
    codes.append(dev("--env-file", str(file)).wait())
    codes.append(dev("--env-file", str(file), "--redis", url).wait())
    said = by_variable.output  # of all, one behind the other

    assert codes == [3] * 6
    assert "secret" not in said
    assert [line for line in said.splitlines() if "flume dev" in line] == [
        "flume dev: uses redis://127.0.0.1:1/0, as FLUME_REDIS_URL says; "
        "unset it for a Valkey of its own",
        "flume dev: uses redis://127.0.0.1:1/0, as --redis says",
        "flume dev: uses redis://127.0.0.1:1/0, as FLUME_REDIS_URL in the --env-file says",
        f"flume dev: uses file://{url_file}, as --redis-file says",
        f"flume dev: uses file://{url_file}, as FLUME_REDIS_FILE in the --env-file says",
        "flume dev: uses redis://127.0.0.1:1/0, as --redis says",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero (greeting.py:1 <module>)."),
        ("import nowhere", "No module named 'nowhere' (greeting.py:1 <module>). Run from"),
        ("x = (", "SyntaxError: '(' was never closed (greeting.py, line 1)."),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_sentence(
    dev: Dev, tmp_path: Path, line: str, said: str
) -> None:
    """No restart mends it, and fifty lines of our own frames would hide where it is."""
    (tmp_path / "greeting.py").write_text(f"{line}\n", encoding="utf-8")
    process = dev()

    assert process.wait() == 2
    assert process.output.startswith(f"flume: the module 'greeting' cannot be imported: {said}")
    assert process.output.count("\n") == 1


BROKEN = """\
import asyncio
import sqlite3
from pathlib import Path

from flume import handler, lifespan


@lifespan
async def pools():
    while not Path({folder!r}, "begun").exists():
        await asyncio.sleep(0.01)
    sqlite3.connect("/nowhere/at/all")
    yield


@handler
def idle() -> None: ...
"""
SLOW = """\
import asyncio
from pathlib import Path

from flume import handler


@handler
async def greet(folder: str) -> None:
    Path(folder, "begun").touch()
    while not Path(folder, "go").exists():
        await asyncio.sleep(0.01)
    print("finished")
"""


def test_a_lifespan_that_fails_is_one_sentence_and_the_others_finish(
    dev: Dev, tmp_path: Path
) -> None:
    """The other pipelines' jobs were cut off for it, and it ended in fifty lines of our frames."""
    second = MANIFEST.replace("greetings", "broken").replace("greeting]", "broken]")
    (tmp_path / "second.yaml").write_text(second, encoding="utf-8")
    (tmp_path / "broken.py").write_text(BROKEN.format(folder=str(tmp_path)), encoding="utf-8")
    (tmp_path / "greeting.py").write_text(SLOW, encoding="utf-8")
    process = dev(str(tmp_path / "second.yaml"))
    with client_of(process) as client:
        client.enqueue("greetings", "greeting.greet", str(tmp_path))
        process.wait_for_output("worker_failed")
        (tmp_path / "go").touch()

        assert process.wait() == 1
    assert "\nfinished\n" in process.output
    assert "Traceback" not in process.output
    assert process.output.splitlines()[-1].startswith(
        "flume: the lifespan broken.pools failed (broken.py:12 pools): OperationalError: unable"
    )


def test_a_manifest_that_says_paused_starts_paused(dev: Dev, tmp_path: Path) -> None:
    """And one that does not say it any more takes its own pause away, and no other."""
    manifest = tmp_path / "pipeline.yaml"
    manifest.write_text(MANIFEST.replace("spec: {", "spec: {paused: true, "), encoding="utf-8")
    data = str(tmp_path / "data")
    process = dev("--data", data)
    with client_of(process) as client:
        queue = client.queue("greetings")
        client.enqueue("greetings", "greeting.greet", "Ada")
        queue.pause(wait=True)
        found = [(info.source, info.by) for info in queue.pauses()]
        assert queue.counts().ready == 1
    process.terminate()
    process.wait()
    manifest.write_text(MANIFEST, encoding="utf-8")
    process.log.unlink()
    with client_of(dev("--data", data)) as client:
        queue = client.queue("greetings")
        left = [info.source for info in queue.pauses()]
        queue.resume()
        wait_until(lambda: queue.counts().totals.get("completed") == 1)

    assert found[1] == ("spec", "dev/greetings")
    assert left == ["client"]
