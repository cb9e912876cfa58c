"""An app's image as its author builds it: the worker's image, and a folder with handlers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.support.images import BUILD_SECONDS, REMOVE_SECONDS
from tests.support.programs import call

DOCKERFILE = "FROM {base}\nCOPY app /app/app\n"

JOBS = '''
"""Handlers of an app in a pod."""

import asyncio

from flume import handler


@handler(name="quick")
async def quick() -> None:
    """Do nothing, well."""


@handler(name="long")
async def long(seconds: float) -> None:
    """Take a while."""
    await asyncio.sleep(seconds)
'''


@contextlib.contextmanager
def built_app(base: str, folder: Path) -> Iterator[str]:
    """Build an image with the module ``app.jobs`` on ``base``, and return its name."""
    (folder / "app").mkdir()
    (folder / "app" / "jobs.py").write_text(JOBS)
    (folder / "Dockerfile").write_text(DOCKERFILE.format(base=base))
    name = base.replace("flume-worker", "flume-app")
    command = ("docker", "build", "--tag", name, str(folder))
    call(*command, timeout=BUILD_SECONDS, environment={"DOCKER_BUILDKIT": "1"})
    try:
        yield name
    finally:
        call("docker", "image", "rm", name, timeout=REMOVE_SECONDS)
