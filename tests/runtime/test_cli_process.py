"""The ``flume`` command as a process: terminals, pipes, signals, start-up."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import REPOSITORY, running
from tests.support.rig import Rig
from tests.support.servers import Server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process

ENVIRONMENT = {
    "PYTHONPATH": str(REPOSITORY / "worker"),
    "COLUMNS": "120",
    "LINES": "30",
    "TERM": "xterm-256color",
}
COMMAND = [sys.executable, "-m", "flume"]
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def _environment(url: str) -> dict[str, str]:
    return {**os.environ, **ENVIRONMENT, "FLUME_REDIS_URL": url}


def _run(
    *args: str, url: str = "redis://127.0.0.1:1/0", folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *args],
        cwd=folder,
        env=_environment(url),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


class Terminal:
    """A command that believes a person watches.

    Args:
        *args: What stands behind ``flume``.
        url: Of the server.
    """

    def __init__(self, *args: str, url: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *args],
            env=_environment(url),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def wait_for(self, text: str) -> str:
        """Return what is shown after the last text waited for, up to this one."""
        while text not in self.shown and self._read():
            pass
        before, found, self.shown = self.shown.partition(text)
        assert found, f"{text!r} was never shown: {before}"
        return before + found

    def type(self, keys: str) -> None:
        """Type on its keyboard."""
        os.write(self._ours, keys.encode())

    def end(self) -> tuple[int, str]:
        """Wait for its end; return the exit code and what was shown since the last wait."""
        while self._read():
            pass
        return self.process.wait(), ESCAPE.sub("", self.shown)

    def _read(self) -> bool:
        try:
            part = os.read(self._ours, 65536)
        except OSError:  # it closed its side
            return False
        self.shown += part.decode(errors="replace")
        return bool(part)


def test_help_loads_nothing_that_a_command_alone_needs() -> None:
    """Help, completion and mistakes are answered before a person notices a wait."""
    heavy = ("asyncio", "logging", "prometheus_client", "pydantic", "redis", "rich", "yaml")
    code = (
        "import sys; from flume.cli import main; main(['--help']); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=_environment("redis://127.0.0.1:1/0"),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert ended.stdout.splitlines()[-1] == "[]"


def test_without_click_the_command_says_what_to_install() -> None:
    """An app that only enqueues installs neither click nor rich, and still gets the command."""
    code = "import sys; sys.modules['click'] = None; from flume.cli import main; sys.exit(main())"

    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=_environment("redis://127.0.0.1:1/0"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 1
    assert "pip install 'kubeflume[worker]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_modules_whose_handlers_share_a_name_end_a_worker_with_2(tmp_path: Path) -> None:
    """It is the code not to be started again after: the same modules would fail for ever."""
    for name in ("first", "second"):
        source = "from flume import handler\n@handler(name='send')\ndef send() -> None: ...\n"
        (tmp_path / f"{name}.py").write_text(source)

    ended = _run("worker", "-q", "orders", "-m", "first", "-m", "second", folder=tmp_path)

    assert ended.returncode == 2
    assert "two handlers are named 'send': first.send and second.send." in ended.stderr


def test_a_manifest_of_two_pipelines_is_none_for_a_worker(tmp_path: Path) -> None:
    """It would have to choose one; the sentence says how both can run."""
    one = (
        "apiVersion: flume.dev/v1alpha1\nkind: Pipeline\nmetadata: {name: NAME}\n"
        "spec: {queue: NAME, modules: [app]}\n"
    )
    path = tmp_path / "two.yaml"
    path.write_text("---\n".join(one.replace("NAME", name) for name in ("a", "b")))

    ended = _run("worker", "-f", str(path))

    assert ended.returncode == 2
    assert "holds 2 pipelines, and a worker runs one: give each a file and a" in ended.stderr


@pytest.mark.parametrize(
    "args",
    [["queues"], ["jobs", "orders"], ["enqueue", "orders", "send"], ["top"], ["workers", "orders"]],
)
def test_a_server_out_of_reach_is_one_sentence_and_3(args: list[str]) -> None:
    """A traceback helps nobody whose Redis is down."""
    ended = _run(*args)

    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.startswith("flume: Redis at redis://127.0.0.1:1/0 did not answer")
    assert ended.stderr.count("\n") == 1


def test_a_reader_that_goes_away_ends_the_command_quietly(rig: Rig, server: Server) -> None:
    """`flume jobs … | head -1` is everyday use."""
    for _ in range(10):
        rig.enqueue(1000)
    listing = subprocess.Popen(
        [*COMMAND, "jobs", "orders", "--limit", "10000", "--json"],
        env=_environment(server.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert listing.stdout is not None
    assert listing.stderr is not None

    listing.stdout.readline()
    listing.stdout.close()
    said = listing.stderr.read()
    listing.stderr.close()

    assert (listing.wait(), said) == (141, b"")


def test_an_interrupt_ends_with_130(valkey: Server, tmp_path: Path) -> None:
    """As every shell has it, and without a traceback."""
    command = [*COMMAND, "top", "--interval", "1h"]
    with running(command, log=tmp_path / "log", environment=_environment(valkey.url)) as process:
        wait_until(lambda: _clients(valkey) > 1, what="its connection")

        process.send(signal.SIGINT)

        assert process.wait() == 130
        assert process.output.lstrip() == "flume: interrupted.\n"


def test_a_pipe_gets_no_colours_and_a_terminal_does(rig: Rig, valkey: Server) -> None:
    """Escape codes in a log file are noise."""
    _run("enqueue", "orders", "send", url=valkey.url)

    plain = _run("queues", url=valkey.url)
    with Terminal("queues", url=valkey.url) as terminal:
        code, shown = terminal.end()
        coloured = terminal.shown

    assert (plain.returncode, code) == (0, 0)
    assert "\x1b" not in plain.stdout
    assert "\x1b[" in coloured
    assert "orders" in shown


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, "0"), ("n", 1, "2")])
def test_a_person_is_asked_before_jobs_are_deleted(
    valkey: Server, answer: str, code: int, left: str
) -> None:
    """The question names how many."""
    _run("enqueue", "orders", "send", url=valkey.url)
    _run("enqueue", "orders", "send", url=valkey.url)

    with Terminal("purge", "orders", "--state", "ready", url=valkey.url) as terminal:
        terminal.wait_for("Delete 2 ready jobs of orders for good? [y/N]: ")
        terminal.type(f"{answer}\n")
        ended, _ = terminal.end()

    assert ended == code
    assert _run("queues", url=valkey.url).stdout.splitlines()[1].split()[1] == left


def test_top_goes_on_while_redis_is_away(tmp_path: Path, valkey: Server) -> None:
    """Watching is what one does while a server restarts; Ctrl-C is the ordinary way out."""
    _run("enqueue", "orders", "send", url=valkey.url)

    with Terminal("top", "--interval", "100ms", url=valkey.url) as terminal:
        terminal.wait_for("orders")
        valkey.kill()
        terminal.wait_for("did not answer")
        valkey.start()
        _run("enqueue", "later", "send", url=valkey.url)
        terminal.wait_for("later")
        terminal.process.send_signal(signal.SIGINT)
        code, shown = terminal.end()

    assert code == 0
    assert "flume top" in shown


def _clients(server: Server) -> int:
    return int(server.call("INFO", "clients")["connected_clients"])
