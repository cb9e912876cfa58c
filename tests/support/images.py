"""The images of the repository, built as their users build them."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.support.programs import call

if TYPE_CHECKING:
    from tests.support.clusters import Cluster

BUILD_SECONDS = 900.0  # the first build installs all dependencies
REMOVE_SECONDS = 60.0


@contextlib.contextmanager
def built_image(role: str) -> Iterator[str]:
    """Build ``Dockerfile.<role>`` and return the name of the image; it is removed afterwards.

    ``PYTHON_IMAGE`` names another base where it is set.
    """
    name = f"flume-{role}:test-{os.getpid()}-{uuid.uuid4().hex[:6]}"  # each is removed by itself
    base = os.environ.get("PYTHON_IMAGE")
    arguments = ("--build-arg", f"PYTHON_IMAGE={base}") if base else ()
    command = ("docker", "build", "--file", f"Dockerfile.{role}", "--tag", name, *arguments, ".")
    call(*command, timeout=BUILD_SECONDS, environment={"DOCKER_BUILDKIT": "1"})
    try:
        yield name
    finally:
        call("docker", "image", "rm", name, timeout=REMOVE_SECONDS)


@contextlib.contextmanager
def loaded_image(role: str, cluster: Cluster) -> Iterator[str]:
    """Build an image, copy it into the cluster, and return its name."""
    with built_image(role) as name:
        cluster.load_images(name)
        yield name
