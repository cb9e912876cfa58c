"""`.ci/run` starts an engine where there is none, ends it always, and keeps the exit code.

A kit and a `make` that only write down how they were called stand beside a copy of it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.support.processes import Process, running
from tests.support.waiting import wait_until
from tools.tracked import ROOT

pytestmark = pytest.mark.process

CLOSING = "===== 5 passed in 0.12s ====="  # of the test runner; CI reads the last line

PROGRAMS = {
    "bin/git": "",
    "bin/redis-server": "",
    "bin/docker": "exit ${DOCKER_CODE:-1}",
    "bin/python3.13": f'exec "{sys.executable}" "$@"',
    "bin/make": f"""
        echo "make $2 ${{KIND_NODE_IMAGE:-}}" >>"$CALLS"
        [ "$2" != test ] && exit
        [ -z "${{TEST_HANGS:-}}" ] || sleep 600
        echo '{CLOSING}'
        exit "${{TEST_CODE:-0}}"
    """,
    "shared/tools/kind/prepare": """
        echo "prepare $*" >>"$CALLS"
        [ -z "${PREPARE_HANGS:-}" ] || sleep 600
        [ -z "${PREPARE_CODE:-}" ] || exit "$PREPARE_CODE"
        echo "export KIND_NODE_IMAGE=node:1 PATH=$PATH"
    """,
    "shared/tools/kind/stop": """
        echo stop >>"$CALLS"
        echo Deleted clusters: all
        exit "${STOP_CODE:-0}"
    """,
    "shared/tools/base-image": "echo base-image >>$CALLS; echo python:3.13-slim",
}


class Run:
    """A copy of the script that runs among pretended programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for file in (".ci/run", "tools/alone.py", "tools/venv", "requirements.lock"):
            copy = folder / "checkout" / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, copy)
        for name, text in PROGRAMS.items():
            program = folder / name
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text(f"#!/bin/bash\n{text}\n")
            program.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """What was called so far; the fast tests run once for each Python of this machine."""
        file = self.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.strip() for line in lines if not line.startswith("make test-fast")]

    def environment(self, **more: str) -> dict[str, str]:
        """Return what the script sees."""
        return {
            "KIND_NODE_IMAGE": "",  # these tests may run inside the script itself
            "CALLS": str(self.folder / "calls"),
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            **more,
        }

    def command(self) -> list[str]:
        """Return how it is called."""
        return ["bash", str(self.folder / "checkout/.ci/run")]

    def end(self, **environment: str) -> Process:
        """Run it to its end."""
        given = self.environment(**environment)
        with running(self.command(), log=self.folder / "log", environment=given) as process:
            process.wait(30)
        return process

    def interrupted(self, at: str, **environment: str) -> Process:
        """Run it, end it once ``at`` was called, and wait for its end."""
        given = self.environment(**environment)
        with running(self.command(), log=self.folder / "log", environment=given) as process:
            wait_until(lambda: any(call.startswith(at) for call in self.calls), 30, what=at)
            process.send(signal.SIGTERM)
            process.wait(30)
        return process


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a copy of the script among pretended programs."""
    return Run(tmp_path)


ENGINE = ["make check", "prepare helm kwok promtool kubeconform", "base-image"]


def test_an_engine_is_started_for_the_tests_and_ended_without_a_word(run: Run) -> None:
    """CI reads the last line of the output to see that tests were run."""
    ended = run.end()

    assert ended.returncode == 0, ended.output
    assert run.calls == [*ENGINE, "make test node:1", "stop"]
    assert ended.output.splitlines()[-1] == CLOSING


def test_an_engine_that_is_there_is_used_and_left_alone(run: Run) -> None:
    """It is somebody's own, with their clusters in it."""
    ended = run.end(DOCKER_CODE="0")

    assert ended.returncode == 0, ended.output
    assert run.calls == ["make check", "make test"]


def test_without_the_kit_the_tests_are_run_all_the_same(run: Run) -> None:
    """Those that need a cluster fail then, and say what to install."""
    shutil.rmtree(run.folder / "shared")

    assert run.end().returncode == 0
    assert run.calls == ["make check", "make test"]


@pytest.mark.parametrize(
    ("environment", "code", "calls"),
    [
        ({"TEST_CODE": "3"}, 3, [*ENGINE, "make test node:1", "stop"]),
        ({"PREPARE_CODE": "7"}, 7, [*ENGINE[:2], "stop"]),
        ({"STOP_CODE": "1"}, 1, [*ENGINE, "make test node:1", "stop"]),
    ],
)
def test_a_failure_is_kept_and_the_engine_is_ended(
    run: Run, environment: dict[str, str], code: int, calls: list[str]
) -> None:
    """A clean-up that succeeds must not make a failed run green; one that fails is a failure."""
    assert run.end(**environment).returncode == code
    assert run.calls == calls


@pytest.mark.parametrize(
    ("at", "environment"),
    [("prepare", {"PREPARE_HANGS": "1"}), ("make test", {"TEST_HANGS": "1"})],
)
def test_a_signal_ends_what_runs_and_the_engine(
    run: Run, at: str, environment: dict[str, str]
) -> None:
    """A run that is cancelled leaves neither tests nor clusters behind."""
    assert run.interrupted(at, **environment).returncode == 128 + signal.SIGTERM
    assert run.calls[-1] == "stop"
