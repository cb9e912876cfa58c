"""What the guide on testing shows is run as it stands."""

import re

import pytest

from tests.support.servers import Server
from tools.tracked import ROOT

pytest_plugins = ["pytester"]

GUIDE = ROOT / "docs" / "guide" / "testing.md"
MODULE = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_all_examples_pass(
    valkey: Server, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An example that does not work is worse than none."""
    monkeypatch.setenv("FLUME_REDIS_URL", valkey.url)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\naddopts = -p flume.testing.pytest_plugin -p no:cacheprovider")
    pytester.syspathinsert()
    modules = MODULE.findall(GUIDE.read_text(encoding="utf-8"))
    for path, text in modules:
        file = pytester.path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")

    result = pytester.runpytest_inprocess("-q", "-W", "error", "tests")

    result.assert_outcomes(passed=8)
    assert len(modules) == 7


def test_the_failure_it_shows_is_the_one_that_comes(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Word for word."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    shown = GUIDE.read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
    pytester.makepyfile(
        """
from flume import Client, ref

def test_it(flume_fake):
    send = ref("app.jobs.send_email")
    Client().enqueue("email", send, "ada@example.com", subject="Welcome")
    flume_fake.assert_enqueued(send, "ada@example.com", subject="Hi", queue="email")
"""
    )
    result = pytester.runpytest_inprocess("-q", "-p", "flume.testing.pytest_plugin")

    text = "\n".join(line.removeprefix("E").strip() for line in result.outlines)
    assert "\n".join(line.strip() for line in shown.splitlines()) in text
