"""What holds for the repository as a whole, whoever changes it."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tools.tracked import ROOT, tracked_files

IMPORT_BUDGET = 4.0  # starts of a bare Python, of about 14 ms, that `import flume` may add to one
HEAVY = {"aiohttp", "kopf", "prometheus_client", "pydantic", "redis"}

# Written as patterns that do not match themselves, for this file is tracked too.
FOREIGN = re.compile(
    r"(?<![\w.~$}])/(?:[r]oot|[w]ork|[U]sers|[h]ome/[a-z])[/\w]*/"  # somebody's machine
    r"|\b(?:[p]ypi\.org|[p]ythonhosted\.org|[n]pmjs\.org|[c]rates\.io"
    r"|[m]aven\.org|[p]roxy\.golang\.org|[d]eb\.debian\.org)\b"  # a package registry
)


@pytest.mark.parametrize(("root", "package"), [("worker", "flume"), ("operator", "flume_operator")])
def test_a_source_root_holds_one_package_and_nothing_importable_beside_it(
    root: str, package: str
) -> None:
    """An `operator/__init__.py` would shadow the standard library's operator module."""
    entries = [e for e in (ROOT / root).iterdir() if e.name != "__pycache__"]

    assert [e.name for e in entries if e.is_dir()] == [package]
    assert [e.name for e in entries if e.suffix in {".py", ".pyi", ".so"}] == []
    assert (ROOT / root / package / "__init__.py").is_file()


def test_the_standard_library_is_found_with_both_source_roots_on_the_path() -> None:
    """`import collections` needs the standard operator module, from any folder."""
    code = "import collections, operator; print(operator.__file__)"
    where = _run_python(code, cwd=ROOT)

    assert not Path(where).is_relative_to(ROOT)


def test_importing_flume_loads_none_of_the_heavy_libraries() -> None:
    """An app that enqueues once should not pay for libraries that it does not use yet."""
    code = "import flume, json, sys; print(json.dumps([n.partition('.')[0] for n in sys.modules]))"
    loaded = set(json.loads(_run_python(code)))

    assert "flume" in loaded
    assert loaded & HEAVY == set()


def test_importing_flume_takes_under_60_ms_where_a_bare_python_takes_15() -> None:
    """Start-up time is felt in every command, test run and serverless call of an app."""
    bare, flume = [], []
    for _ in range(7):  # in turns, so that a slow moment of the machine slows both
        bare.append(_seconds_to_run("pass"))
        flume.append(_seconds_to_run("import flume"))

    assert min(flume) / min(bare) - 1 < IMPORT_BUDGET


def test_the_wheel_holds_both_packages_with_every_script_and_nothing_else(tmp_path: Path) -> None:
    """A worker without its Lua files fails at its first claim, on the user's machine."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("kubeflume-*.whl")
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}

    source = {
        path.relative_to(ROOT / root).as_posix()
        for root in ("worker", "operator")
        for path in tracked_files(below=root)
    }
    assert any(n.endswith(".lua") for n in names)
    assert names == source


def test_the_licence_is_apache_2_and_the_metadata_says_so() -> None:
    """A package whose licence is unclear cannot be used at work."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")

    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert _project()["license"] == "Apache-2.0"


def test_the_changelog_has_a_section_for_the_version() -> None:
    """A release whose changes are not written down surprises its users."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.search(rf"^## \[?{re.escape(str(_project()['version']))}\b", changelog, re.M)


def test_the_index_of_the_docs_has_every_page() -> None:
    """A page that no other leads to is found by chance only; runbooks have an index of theirs."""
    docs = ROOT / "docs"
    index = {"runbooks": docs / "runbooks" / "README.md"}
    missing = [
        path.relative_to(ROOT).as_posix()
        for path in tracked_files(".md")
        if path.is_relative_to(docs) and path.name != "README.md"
        for page in [index.get(path.parent.name, docs / "README.md")]
        if f"]({path.relative_to(page.parent).as_posix()})" not in page.read_text(encoding="utf-8")
    ]

    assert missing == []


def test_no_tracked_file_names_a_machine_or_a_package_registry() -> None:
    """The repository builds anywhere: behind a mirror, and in anybody's home."""
    found = []
    for path in tracked_files():
        text = path.read_text(encoding="utf-8", errors="ignore")
        for number, line in enumerate(text.splitlines(), 1):
            if match := FOREIGN.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match[0]}")

    assert found == []


def _project() -> dict[str, object]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert isinstance(table, dict)
    return table


def _run_python(code: str, *, cwd: Path | None = None) -> str:
    """Run code in a fresh interpreter that sees both source roots, and return what it prints."""
    path = f"import sys; sys.path[:0] = [{str(ROOT / 'worker')!r}, {str(ROOT / 'operator')!r}]"
    result = subprocess.run(
        [sys.executable, "-c", f"{path}\n{code}"],
        check=True,
        capture_output=True,
        text=True,
        cwd=cwd,
    )
    return result.stdout.strip()


def _seconds_to_run(code: str) -> float:
    """Return the processor time from the start of the interpreter: other processes do not count."""
    return float(_run_python(f"{code}\nimport time; print(time.process_time())"))
