"""The pytest plugin: fixtures for one test or a whole module, and nothing loaded before."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.tracked import ROOT

pytest_plugins = ["pytester"]

APP = """
import pytest
from flume import Client, handler

client = Client("redis://127.0.0.1:1/0", timeout=0.1)

@handler(name="send")
def send(to): ...
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a place for tests of an app, where only this plugin is loaded."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\naddopts = -p flume.testing.pytest_plugin -p no:cacheprovider")
    return pytester


def passes(run: pytest.Pytester, tests: str, count: int) -> None:
    """Assert that all tests of a module pass."""
    run.makepyfile(APP + tests)
    run.runpytest_inprocess("-q").assert_outcomes(passed=count)


def test_a_fixture_records_one_test(run: pytest.Pytester) -> None:
    """Each test has a recorder of its own, and nothing is recorded after it."""
    passes(
        run,
        """
from flume.errors import ServerUnavailableError

def test_one(flume_fake):
    client.enqueue("email", send, "ada")
    flume_fake.assert_enqueued(send, "ada", count=1)

def test_two(flume_fake):
    flume_fake.assert_nothing_enqueued()

def test_three():
    with pytest.raises(ServerUnavailableError):
        client.enqueue("email", send, "ada")
""",
        3,
    )


def test_a_fixture_records_a_whole_module(run: pytest.Pytester) -> None:
    """A test of it may have its own recorder as well."""
    passes(
        run,
        """
pytestmark = pytest.mark.usefixtures("flume_fake_module")

def test_one():
    client.enqueue("email", send, "ada")

def test_two(flume_fake):
    client.enqueue("email", send, "bob")
    flume_fake.assert_enqueued(send, count=1)

def test_three(flume_fake_module):
    flume_fake_module.assert_enqueued(send, "ada", count=1)
""",
        3,
    )


def test_every_test_of_a_module_can_have_a_recorder_of_its_own(run: pytest.Pytester) -> None:
    """With one line at the top of the module."""
    passes(
        run,
        """
pytestmark = pytest.mark.usefixtures("flume_fake")

def test_one():
    client.enqueue("email", send, "ada")

class TestMore:
    def test_two(self, flume_fake):
        flume_fake.assert_nothing_enqueued()
""",
        2,
    )


def test_a_decorated_test_still_gets_its_fixtures(run: pytest.Pytester) -> None:
    """The decorator does not hide the test's parameters from pytest."""
    passes(
        run,
        """
from flume.testing import fake

sent = fake()

@sent
def test_one(tmp_path):
    client.enqueue("email", send, str(tmp_path))
    sent.assert_enqueued(send, str(tmp_path))
""",
        1,
    )


def test_a_failed_assertion_shows_the_line_of_the_test(run: pytest.Pytester) -> None:
    """And not the inside of the recorder."""
    run.makepyfile(
        APP
        + """
def test_one(flume_fake):
    client.enqueue("email", send, "ada")
    flume_fake.assert_enqueued(send, "bob")
"""
    )
    result = run.runpytest_inprocess("-q")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ['>*flume_fake.assert_enqueued(send, "bob")', "E*to is 'ada', not 'bob'"]
    )
    result.stdout.no_fnmatch_line("*recorder.py*")


def test_a_clock_goes_back_after_the_test(run: pytest.Pytester) -> None:
    """A client that a module shares must not keep the time of the test before."""
    passes(
        run,
        """
from datetime import timedelta

def test_one(flume_clock):
    flume_clock.add(client)
    flume_clock.advance(timedelta(hours=1))
    assert client._connections.shift_ms == 3_600_000

def test_two():
    assert client._connections.shift_ms == 0
""",
        2,
    )


def test_the_plugin_is_declared_for_pytest_to_find() -> None:
    """So that nobody has to name it in a conftest.py."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert 'flume = "flume.testing.pytest_plugin"' in text


def test_loading_the_plugin_loads_no_client() -> None:
    """Every pytest run in that environment loads it, also those of projects without Flume."""
    code = (
        "import json, sys; import pytest; before = set(sys.modules)\n"
        "import flume.testing.pytest_plugin\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    path = os.pathsep.join([str(ROOT / "worker"), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(sys.prefix),
        env={**os.environ, "PYTHONPATH": path},
    )
    loaded = set(json.loads(result.stdout))

    assert "flume.testing.pytest_plugin" in loaded
    assert {name.partition(".")[0] for name in loaded} & {"redis", "pydantic", "hiredis"} == set()
    assert not {"flume.client", "flume.sync_client", "flume.runtime", "flume.testing.run"} & loaded
