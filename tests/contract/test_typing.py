"""A wrong argument is a type error at the call of enqueue, and a right one is none."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.tracked import ROOT

CALLS = Path(__file__).with_name("calls.py")
CHECKER_SECONDS = 150  # without a cache, on a busy machine
IGNORE = re.compile(r"  # type: ignore\[([a-z, -]+)\]$")
ERROR = re.compile(r"calls\.py:(\d+): error: .*\[([a-z-]+)\]$")


@pytest.mark.timeout(CHECKER_SECONDS)
def test_exactly_the_wrong_calls_are_errors(tmp_path: Path) -> None:
    """The taste of the API: an editor underlines the slip, and nothing that is right."""
    lines = CALLS.read_text(encoding="utf-8").splitlines()
    bare = tmp_path / "calls.py"
    bare.write_text("\n".join(IGNORE.sub("", line) for line in lines) + "\n", encoding="utf-8")
    wrong = {
        number: set(match[1].split(", "))
        for number, line in enumerate(lines, 1)
        if (match := IGNORE.search(line))
    }

    found: dict[int, set[str]] = {}
    for line in mypy(bare).splitlines():
        if match := ERROR.search(line):
            found.setdefault(int(match[1]), set()).add(match[2])

    assert {number: lines[number - 1] for number in wrong.keys() - found.keys()} == {}
    assert {number: lines[number - 1] for number in found.keys() - wrong.keys()} == {}
    assert found == wrong
    assert len(wrong) > 50


def mypy(path: Path) -> str:
    """Return what mypy --strict says about a file."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary"),
            *("--config-file", str(ROOT / "pyproject.toml"), str(path)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=CHECKER_SECONDS,
    )
    assert result.stderr == ""
    return result.stdout
