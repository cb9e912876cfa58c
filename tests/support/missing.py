"""What a test does where something it needs is not on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from typing import NoReturn

import pytest

from tests.support.programs import ProgramError, call
from tests.support.servers import KINDS, MissingServerError, find

ENGINE_SECONDS = 10.0  # a Docker engine that does not answer within this is none

PROGRAMS = {
    "docker": "install Docker and start its engine",
    "helm": "install Helm 3 or newer",
    "kind": "install kind (Kubernetes in Docker)",
    "kubeconform": "install kubeconform",
    "kubectl": "install kubectl",
    "kwok": "install kwok",
    "promtool": "install promtool, which comes with Prometheus",
}
"""Programs that tests call, and what to do where one is missing."""


def require(*names: str) -> None:
    """Skip the test, or fail it, where one of these is not on this machine.

    Args:
        *names: ``redis``, ``valkey``, or keys of ``PROGRAMS``; ``docker`` wants an engine too.
    """
    for name in names:
        if reason := _reason(name):
            missing(reason)


def missing(reason: str) -> NoReturn:
    """Skip the test with ``reason``, one line that says what to install.

    With ``FLUME_TEST_REQUIRE=all``, as in CI, the test fails instead: nothing may be left out
    unseen there.
    """
    if os.environ.get("FLUME_TEST_REQUIRE") == "all":
        pytest.fail(f"FLUME_TEST_REQUIRE=all, and {reason}", pytrace=False)
    pytest.skip(reason)


def _reason(name: str) -> str:
    """Return why ``name`` cannot be used, or an empty text."""
    if name in KINDS:
        try:
            find(name)
        except MissingServerError as error:
            return str(error)
        return ""
    if shutil.which(name) is None:
        return f"{name} is not in PATH: {PROGRAMS[name]}"
    if name == "docker" and not _engine_answers():
        return f"no Docker engine answers: {PROGRAMS[name]}, or set DOCKER_HOST"
    return ""


@cache  # hundreds of tests ask, and each answer takes a process
def _engine_answers() -> bool:
    try:
        call("docker", "version", "--format", "{{.Server.Version}}", timeout=ENGINE_SECONDS)
    except (ProgramError, subprocess.TimeoutExpired):
        return False
    return True
