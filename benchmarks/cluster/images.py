"""Build the images of this checkout, and that of the benchmark's app on the worker's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cluster.programs import ProgramError, call

BUILD_SECONDS = 900.0  # the first build installs all dependencies
REMOVE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Images:
    """Names with tags."""

    operator: str
    worker: str
    app: str


@contextlib.contextmanager
def built_images(folder: Path) -> Iterator[Images]:
    """Build all images, tagged by their content; the tags are removed when the block ends.

    ``PYTHON_IMAGE`` names another base where it is set.
    """
    base = os.environ.get("PYTHON_IMAGE")
    arguments = ("--build-arg", f"PYTHON_IMAGE={base}") if base else ()
    operator = _build("flume-operator", folder, "--file", "Dockerfile.operator", *arguments, ".")
    worker = _build("flume-worker", folder, "--file", "Dockerfile.worker", *arguments, ".")
    recipe = folder / "Dockerfile"
    recipe.write_text(f"FROM {worker}\nCOPY app/__init__.py app/jobs.py /app/app/\n")
    app = _build("flume-bench-app", folder, "--file", str(recipe), "benchmarks/cluster")
    try:
        yield Images(operator, worker, app)
    finally:
        with contextlib.suppress(ProgramError):  # two runs at once share what is equal
            call("docker", "image", "rm", operator, worker, app, timeout=REMOVE_SECONDS)


def _build(name: str, folder: Path, *arguments: str) -> str:
    file = folder / "image-id"
    call("docker", "build", "--iidfile", str(file), *arguments, timeout=BUILD_SECONDS)
    digest = file.read_text(encoding="utf-8").strip()
    tagged = f"{name}:{digest.partition(':')[2][:12]}"
    call("docker", "tag", digest, tagged, timeout=REMOVE_SECONDS)
    return tagged
