"""Say what is wrong with a Pipeline, in the words of the API server where it has some.

So a mistake reads the same from ``flume dev`` and from ``kubectl apply``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flume.manifest.patterns import WORDS
from flume.manifest.problem import Problem, dotted
from flume.manifest.resource import API_VERSION, KIND
from flume.manifest.suggest import suggestion

# A URL with its password may stand in the wrong field; messages end up in logs.
_CREDENTIALS = re.compile(r"//[^/@\s]*@")

_SENTENCES = {
    "missing": "{path}: Required value",
    "extra_forbidden": 'unknown field "{path}"',
    "greater_than_equal": "{path}: Invalid value: {given}: "
    "{path} in body should be greater than or equal to {ge}",
    "less_than_equal": "{path}: Invalid value: {given}: "
    "{path} in body should be less than or equal to {le}",
    "string_pattern_mismatch": "{path}: Invalid value: {given}: "
    "{path} in body should match '{pattern}'",
    "string_too_long": "{path}: Too long: may not be more than {max_length} bytes",
    "too_long": "{path}: Too many: {count}: must have at most {max_length} items",
    "too_short": "{path}: Invalid value: {count}: "
    "{path} in body should have at least {min_length} items",
    "literal_error": "{path}: Unsupported value: {given}: supported values: {allowed}",
    "duplicate": "{path}: Duplicate value: {shown}",
    "rule": '{path}: Invalid value: "object": {sentence}',
}
_FIXED: Mapping[tuple[int | str, ...], str] = {("apiVersion",): API_VERSION, ("kind",): KIND}
_WRONG_TYPE = '{path}: Invalid value: "{type}": {path} in body must be of type {wanted}: "{type}"'
_WANTED = {
    "int_type": "integer",
    "string_type": "string",
    "literal_error": "string",
    "bool_type": "boolean",
    "tuple_type": "array",
    "dict_type": "object",
    "model_type": "object",
    "int_or_string_type": "integer,string",
}
_TYPES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def problems(error: ValidationError) -> list[Problem]:
    """Return a problem for each fault that pydantic and our rules found."""
    return [_problem(found) for found in error.errors(include_url=False)]


def _problem(found: ErrorDetails) -> Problem:
    kind, at, given = found["type"], found["loc"], found["input"]
    context = found.get("ctx", {})
    words = {"path": dotted(at), "given": _shown(given), **_details(given, context)}
    if kind in _WANTED and not (kind == "literal_error" and isinstance(given, str)):
        words |= {"type": _TYPES.get(type(given), "object"), "wanted": _WANTED[kind]}
        return Problem(at, _WRONG_TYPE.format(**words), _form(_WANTED[kind], given))
    if kind not in _SENTENCES:  # pydantic's own words, which never show the value
        return Problem(at, f"{dotted(at)}: Invalid value: {found['msg']}")
    return Problem(at, _SENTENCES[kind].format(**words), _hint(found))


def _details(given: Any, context: Mapping[str, Any]) -> dict[str, Any]:
    details = dict(context)
    if isinstance(given, list | dict):
        details["count"] = len(given)
    if "expected" in context:  # "'A', 'B' or 'C'", with which pydantic names a Literal's values
        names = re.findall(r"'([^']*)'", context["expected"])
        details["allowed"] = ", ".join(f'"{name}"' for name in names)
    if "shown" in context:
        details["shown"] = _shown(context["shown"])
    return details


def _form(wanted: str, given: Any) -> str:
    """Return how to write a value of another type; without the one given, which may be secret."""
    if "string" in wanted and isinstance(given, bool | int | float):
        return "put it in quotes"
    if wanted == "array":
        return "write a list: each item on a line of its own, behind a dash"
    if wanted == "object":
        return "write its fields: each on a line of its own, as name: value"
    return ""


def _hint(found: ErrorDetails) -> str:
    if found["type"] == "missing" and found["loc"] in _FIXED:
        return f"write {dotted(found['loc'])}: {_FIXED[found['loc']]}"
    if found["type"] == "extra_forbidden":
        return suggestion(found["loc"])
    if found["type"] == "string_pattern_mismatch":
        return f"allowed: {WORDS[found['ctx']['pattern']]}"
    return ""


def _shown(value: Any) -> str:
    """Return a value as the API server prints it, but never the password of a URL."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return _CREDENTIALS.sub("//…@", text)
