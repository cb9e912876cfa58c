"""What the chart has that is made from other files: its definition, its schema, its README.

``values.yaml`` is the one source of values: the comment above each says what it is for, and a
line ``# @schema {…}`` in it bounds the value further than its default's type does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from flume.manifest.crd import crd
from tools.tracked import ROOT

CHART = ROOT / "charts" / "flume"

_KEY = re.compile(r"( *)([A-Za-z][A-Za-z0-9]*):(?: |$)")
_SCHEMA = "# @schema "
_INDENT = 2
_TYPES = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}


@dataclass(frozen=True, slots=True)
class Value:
    """One value of the chart that a user may set."""

    path: tuple[str, ...]
    default: Any
    about: str
    bounds: dict[str, Any]


def crd_template() -> str:
    """Return the template of the CustomResourceDefinition, with a switch and a keep policy."""
    header, _, definition = crd().partition("\n")
    if "{{" in definition:
        raise ValueError("the definition holds {{, which Helm would read as its own")
    policy = (
        "  annotations:\n"
        "    {{- if .Values.crds.keep }}\n"
        "    helm.sh/resource-policy: keep\n"
        "    {{- end }}\n"
        '    flume.dev/chart: "{{ .Chart.Version }}"\n'
        '  labels: {{- include "flume.labels" . | nindent 4 }}\n'
    )
    body = definition.replace("metadata:\n", f"metadata:\n{policy}", 1)
    return f"{header}\n{{{{- if .Values.crds.install }}}}\n{body}{{{{- end }}}}\n"


def schema() -> str:
    """Return the JSON schema that Helm checks values with."""
    root: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart flume",
        **_object(),
    }
    root["properties"]["global"] = {"type": "object", "description": "Of the parent chart; unused."}
    for value in values():
        parent = root
        for key in value.path[:-1]:
            parent = parent["properties"].setdefault(key, _object())
        parent["properties"][value.path[-1]] = {
            "description": value.about,
            "type": _TYPES[type(value.default)],
            "default": value.default,
            **value.bounds,
        }
    return json.dumps(root, indent=2, ensure_ascii=False) + "\n"


def readme() -> str:
    """Return the chart's README: its own words, and a table of all values."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    intro = (CHART / "README.head.md").read_text(encoding="utf-8")
    rows = "\n".join(
        f"| `{'.'.join(value.path)}` | {_shown(value.default)} | {value.about} |"
        for value in values()
    )
    return (
        "<!-- Made by `make generate` from README.head.md and values.yaml; edit those. -->\n\n"
        f"{intro}\n## Values\n\n"
        f"Of version {chart['version']}, whose images are {chart['appVersion']}.\n\n"
        f"| value | default | meaning |\n|---|---|---|\n{rows}\n"
    )


def values() -> list[Value]:
    """Return all values, in the order of the file."""
    return list(read_values((CHART / "values.yaml").read_text(encoding="utf-8")))


def read_values(text: str) -> Iterator[Value]:
    """Yield the values of a file with their documentation.

    Raises:
        ValueError: If a value has none.
    """
    data = yaml.safe_load(text)
    path: list[str] = []
    comment: list[str] = []
    inside: int | None = None  # deeper lines belong to the value before them
    for line in text.splitlines():
        match = _KEY.match(line)
        if line.lstrip().startswith("#"):
            comment.append(line.strip())
            continue
        if not match or (inside is not None and len(match[1]) > inside):
            comment = []
            continue
        depth = len(match[1]) // _INDENT
        path[depth:] = [match[2]]
        default = _get(data, path)
        about, bounds = _split(comment)
        comment, inside = [], None
        if isinstance(default, dict) and default and "additionalProperties" not in bounds:
            continue  # a group of values
        if not about:
            raise ValueError(f"values.yaml: {'.'.join(path)} has no comment above it")
        inside = len(match[1])
        yield Value(tuple(path), default, about, bounds)


def _get(data: Any, path: list[str]) -> Any:
    for key in path:
        data = data[key]
    return data


def _split(comment: list[str]) -> tuple[str, dict[str, Any]]:
    """Return what a comment says and the bounds in it."""
    words = [line.removeprefix("#").strip() for line in comment if not line.startswith(_SCHEMA)]
    bounds: dict[str, Any] = {}
    for line in comment:
        if line.startswith(_SCHEMA):
            bounds |= yaml.safe_load(line.removeprefix(_SCHEMA))
    return " ".join(words), bounds


def _object() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _shown(default: Any) -> str:
    text = json.dumps(default, ensure_ascii=False)
    return f"`{text}`" if default not in ("", [], {}) else "–"
