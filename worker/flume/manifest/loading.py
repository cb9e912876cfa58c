"""Read Pipelines from YAML, or say everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flume.errors import ManifestError
from flume.manifest import explain
from flume.manifest.problem import Problem
from flume.manifest.reading import Document, documents
from flume.manifest.resource import API_VERSION, KIND, Manifest


def load(text_or_path: str | Path, *, source: str | None = None) -> list[Manifest]:
    """Return the Pipelines of a YAML file, in order.

    All problems of all documents are reported at once: a line each, with file, line and path.

    Args:
        text_or_path: The YAML itself, or the path of a file that holds it.
        source: What messages call the text.  Default: the path, or ``manifest``.

    Raises:
        ManifestError: If the file cannot be read, holds no Pipeline, or anything in it is wrong.
    """
    if isinstance(text_or_path, Path):
        source = source or str(text_or_path)
        found = list(documents(_content(text_or_path, source)))
    else:
        source = source or "manifest"
        found = list(documents(text_or_path))

    manifests: list[Manifest] = []
    complaints: list[str] = []
    for number, document in enumerate(found, start=1):
        manifest, wrong = _judge(document)
        if manifest is not None:
            manifests.append(manifest)
        name = f"{source}, document {number}" if len(found) > 1 else source
        complaints += [f"{name}{_line(document, problem)}: {problem}" for problem in wrong]
    if complaints:
        raise ManifestError("\n".join(complaints))
    if not manifests:
        raise ManifestError(f"{source}: no Pipeline in it (kind {KIND} of {API_VERSION})")
    return manifests


def check(value: Mapping[str, Any]) -> Manifest:
    """Return the Pipeline that plain values describe, such as an object from the API server.

    Raises:
        ManifestError: If anything is wrong with it, a line each.
    """
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        raise ManifestError("\n".join(map(str, explain.problems(error)))) from None


def _content(path: Path, source: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ManifestError(f"{source}: cannot be read: {error.strerror}") from error


def _judge(document: Document) -> tuple[Manifest | None, list[Problem]]:
    """Return the Pipeline in a document, if it is one, and what is wrong, from top to bottom."""
    manifest, wrong = _validated(document.value)
    wrong = document.problems + wrong
    wrong.sort(key=lambda problem: document.line(problem.location) or 0)
    return (None if wrong else manifest), wrong


def _validated(value: Any) -> tuple[Manifest | None, list[Problem]]:
    if value is None:  # empty, or only comments
        return None, []
    if not isinstance(value, dict):
        return None, [Problem((), "not a Pipeline: write apiVersion, kind, metadata and spec")]
    kind, version = value.get("kind", KIND), value.get("apiVersion", API_VERSION)
    wrong = []
    if (kind, version) != (KIND, API_VERSION):
        sentence = f'no matches for kind "{kind}" in version "{version}"'
        wrong.append(Problem(("kind",), sentence, f"flume reads {KIND} of {API_VERSION}"))
        value = value | {"apiVersion": API_VERSION}
    if kind != KIND:
        return None, wrong  # its fields are those of something else
    try:
        return Manifest.model_validate(value), wrong
    except ValidationError as error:
        return None, wrong + explain.problems(error)


def _line(document: Document, problem: Problem) -> str:
    line = document.line(problem.location)
    return "" if line is None else f", line {line}"
