"""What README and guides show is checked like code: it runs, and its types are right."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from flume.cli.root import cli
from flume.manifest import load
from tests.support.pages import Page, read_page
from tests.support.servers import Server
from tools.tracked import ROOT, tracked_files

PAGES = [
    read_page(path)
    for path in tracked_files(".md")
    if path.parent.name in {ROOT.name, "guide", "runbooks", "email"}
]
GUIDES = [page for page in PAGES if page.files and page.path.name != "testing.md"]
"""Pages with code; those of testing are run as tests."""
CHECKER_SECONDS = 150  # without a cache, on a busy machine
RUN_SECONDS = 30
MYPY = """\
[mypy]
strict = true
mypy_path = {worker}
[mypy-flume.*]
follow_imports = silent
"""


def _name(page: Page) -> str:
    return page.path.relative_to(ROOT).as_posix()


@pytest.mark.timeout(CHECKER_SECONDS)
def test_the_code_of_every_page_has_right_types(tmp_path: Path) -> None:
    """An example that an editor underlines teaches distrust."""
    config = tmp_path / "mypy.ini"
    config.write_text(MYPY.format(worker=ROOT / "worker"), encoding="utf-8")
    found = []
    for page in GUIDES:
        folder = tmp_path / page.path.stem
        page.write(folder)
        checked = subprocess.run(
            [
                *(sys.executable, "-m", "mypy", "--no-error-summary", "--config-file", str(config)),
                *("--cache-dir", str(tmp_path / "cache"), "."),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=CHECKER_SECONDS,
        )
        found += [f"{_name(page)}: {line}" for line in checked.stdout.splitlines()]

    assert found == []


@pytest.mark.process
@pytest.mark.parametrize("page", [page for page in GUIDES if page.scripts], ids=_name)
def test_the_scripts_of_a_page_run(page: Page, valkey: Server, tmp_path: Path) -> None:
    """A reader who types in what a page shows gets what it promises."""
    page.write(tmp_path)

    ended = [_run([sys.executable, it], folder=tmp_path, url=valkey.url) for it in page.scripts]

    assert [script.stderr for script in ended if script.returncode != 0] == []


@pytest.mark.process
@pytest.mark.parametrize("page", [page for page in GUIDES if page.modules], ids=_name)
def test_a_worker_starts_with_the_modules_of_a_page(
    page: Page, valkey: Server, tmp_path: Path
) -> None:
    """A handler that is written as shown is found, and a lifespan opens and closes."""
    page.write(tmp_path)
    modules = [item for module in page.modules for item in ("--module", module)]
    worker = [sys.executable, "-m", "flume", "worker", "--queue", "docs", "--until-empty"]

    ended = _run([*worker, *modules], folder=tmp_path, url=valkey.url)

    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("page", [page for page in PAGES if page.manifests], ids=_name)
def test_the_manifests_of_a_page_have_no_mistakes(page: Page) -> None:
    """A manifest is copied more often than it is read."""
    for manifest in page.manifests:
        assert load(manifest, source=_name(page))


@pytest.mark.parametrize("page", [page for page in PAGES if page.commands], ids=_name)
def test_the_commands_of_a_page_exist_with_their_options(page: Page) -> None:
    """A page that was right once must not name an option that is gone."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    checked = 0
    for line in page.commands:
        for words in _simple_commands(line):
            program, *arguments = words
            if program == "kubectl" and "--" in arguments:  # what it runs in a pod
                program, *arguments = arguments[arguments.index("--") + 1 :]
            if program == "make" and "=" not in arguments[0]:
                assert arguments[0] in targets, line
            elif program.rpartition("/")[2] == "flume":
                _parse(cli, arguments, line)
            elif program.rpartition("/")[2] == "python":
                assert arguments[0] == "-m" or (ROOT / arguments[0]).is_file(), line
            checked += 1

    assert checked > 0


def _simple_commands(line: str) -> list[list[str]]:
    """Return the words of each command of a line, without variables that are set for it."""
    commands: list[list[str]] = [[]]
    for word in shlex.split(line.removeprefix("$ "), comments=True):
        if word in {"|", "&&", ";"}:
            commands.append([])
        elif commands[-1] or not re.match(r"[A-Z_]+=", word):
            commands[-1].append(word)
    return [words for words in commands if words]


def _parse(command: click.Command, arguments: list[str], line: str) -> None:
    """Fail where a command has no such subcommand or option."""
    context = click.Context(command)
    try:
        _, rest, _ = command.make_parser(context).parse_args(list(arguments))
    except click.UsageError as error:
        pytest.fail(f"{line}: {error.format_message()}")
    if isinstance(command, click.Group):
        found = command.get_command(context, rest[0]) if rest else None
        assert found is not None, line
        _parse(found, rest[1:], line)


def _run(command: list[str], *, folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FLUME_REDIS_URL": url, "PYTHONPATH": str(ROOT / "worker")}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS,
    )
