"""Servers and processes of the tests start, end, and leave nothing behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.leftovers import documented, undocumented, waiting
from tests.support.missing import missing, require
from tests.support.processes import REPOSITORY, running
from tests.support.servers import MissingServerError, find
from tests.support.waiting import wait_until


def test_what_is_missing_is_a_skip_and_in_ci_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop runs what it can; CI must not pass because something was not installed."""
    monkeypatch.delenv("FLUME_TEST_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install"):
        missing("apt-get install redis-server")

    monkeypatch.setenv("FLUME_TEST_REQUIRE", "all")
    with pytest.raises(pytest.fail.Exception, match="apt-get install"):
        missing("apt-get install redis-server")


def test_a_missing_server_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line is all a skip may take."""
    monkeypatch.setenv("PATH", "")

    with pytest.raises(MissingServerError, match="apt-get install redis-server"):
        find("redis")


def test_a_missing_program_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not everybody who changes a script has a cluster's tools."""
    monkeypatch.delenv("FLUME_TEST_REQUIRE", raising=False)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(pytest.skip.Exception, match=r"^kind is not in PATH: install kind"):
        require("kind")


@pytest.mark.process
def test_a_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    """A test run that is killed must not leave servers running."""
    code = (
        "import os, pathlib, threading\n"
        "from tests.support.processes import Process\n"
        f"child = Process(['sleep', '600'], log=pathlib.Path({str(tmp_path / 'child')!r}))\n"
        "print('child', child.pid, flush=True)\n"
        "threading.Event().wait()\n"
    )
    with running(
        [sys.executable, "-c", code],
        log=tmp_path / "parent",
        environment={"PYTHONPATH": str(REPOSITORY)},
    ) as parent:
        parent.wait_for_output("\n")
        child = int(parent.output.split()[1])
        wait_until(lambda: b"sleep" in Path(f"/proc/{child}/cmdline").read_bytes())
        parent.kill()

        wait_until(lambda: not _is_running(child), what=f"the end of {child}")


@pytest.mark.process
def test_a_process_that_ignores_the_signal_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that hangs in its shutdown fails its own test, not the whole run."""
    monkeypatch.setattr("tests.support.processes.STOP_SECONDS", 0.2)
    command = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"]

    with running(command, log=tmp_path / "log") as process:
        process.wait_for_output("ready")
    assert process.returncode == -9


@pytest.mark.process
def test_the_wait_for_output_fails_when_the_process_has_ended(tmp_path: Path) -> None:
    """The reason is in what it printed, not in a timeout."""
    with (
        running(["sh", "-c", "echo no module; exit 3"], log=tmp_path / "log") as process,
        pytest.raises(AssertionError, match="ended with 3 before 'ready': no module"),
    ):
        process.wait_for_output("ready")


def test_leftovers_are_told_from_lasting_keys() -> None:
    """The guard compares names with the table that documents them."""
    keys = ["flume:{a}:jobs", "flume:{a}:ready:x.y", "flume:{a}:stats", "t:x:{a}:lost", "t:queues"]

    assert {"jobs", "ready", "wake", "alone", "queues", "clock"} <= documented()
    assert undocumented(keys) == ["t:x:{a}:lost"]
    assert waiting(keys[:-2]) == ["flume:{a}:jobs", "flume:{a}:ready:x.y"]


def _is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"  # ended, and nobody has asked for its code
