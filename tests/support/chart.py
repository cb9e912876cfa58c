"""The chart as Helm renders it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.support.missing import require
from tools.chart import CHART

Manifest = dict[str, Any]

RELEASE, NAMESPACE = "flume", "flume-system"
_SECONDS = 30


def helm(
    *arguments: str | Path, values: Manifest | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Helm with these values and return how it ended."""
    require("helm")
    given = ("--values", "-") if values is not None else ()
    return subprocess.run(
        ["helm", *map(str, arguments), *given],
        input=yaml.safe_dump(values or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )


def render(
    values: Manifest | None = None, *, release: str = RELEASE, namespace: str = NAMESPACE
) -> list[Manifest]:
    """Return all objects that an install with these values makes."""
    ended = helm("template", release, CHART, "--namespace", namespace, values=values or {})
    assert ended.returncode == 0, ended.stderr
    return [found for found in yaml.safe_load_all(ended.stdout) if found]


def refusal(values: Manifest) -> str:
    """Return what Helm says to values that it does not take."""
    ended = helm("template", RELEASE, CHART, "--namespace", NAMESPACE, values=values)
    assert ended.returncode != 0
    return ended.stderr


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """Return the objects of one kind."""
    return [found for found in manifests if found["kind"] == kind]


def pods(manifests: list[Manifest]) -> list[Manifest]:
    """Return the pods, also those that a Deployment makes, each with metadata and spec."""
    made = [found["spec"]["template"] for found in of_kind(manifests, "Deployment")]
    return made + of_kind(manifests, "Pod")
