"""YAML as kubectl reads it: plain values, and the line of each.

PyYAML's own loader differs where it hurts: ``1:30`` is a number to it, ``1e3`` and ``y`` are
strings, dates are objects, and the second of two equal keys silently wins.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from flume.manifest.checks import Location
from flume.manifest.problem import Problem, dotted

# A Pipeline has a few hundred values.  The cap ends documents whose aliases multiply.
MOST_VALUES = 50_000

_TAG = "tag:yaml.org,2002:"
_TRUE = frozenset(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"])
_FALSE = frozenset(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"])
_BOOL = re.compile("^(?:" + "|".join(sorted(_TRUE | _FALSE)) + ")$")
_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
_INT = re.compile(r"^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*|0)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)


class _Loader(yaml.SafeLoader):
    """Tells strings from other scalars by kubectl's rules."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _name, _regex in (("bool", _BOOL), ("null", _NULL), ("int", _INT), ("float", _FLOAT)):
    _Loader.add_implicit_resolver(_TAG + _name, _regex, None)
_Loader.add_implicit_resolver(_TAG + "merge", re.compile("^<<$"), None)


@dataclass(slots=True)
class Document:
    """One document of a file: its plain value, where each part stands, and what is wrong."""

    value: Any = None
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, location: Location) -> int | None:
        """Return the line of the value at a location, or of the nearest one around it."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.lines:
                return self.lines[location[:length]]
        return None


def documents(text: str | bytes) -> Iterator[Document]:
    """Yield each document of a file; one that is not YAML is the last."""
    loader = None
    try:
        loader = _Loader(text)
        while loader.check_node():
            if (root := loader.get_node()) is not None:
                yield _Reader().read(root)
    except yaml.YAMLError as error:
        yield _broken(error)
    except RecursionError:
        yield Document(problems=[Problem((), "not valid YAML: it is nested too deeply")])
    finally:
        if loader is not None:
            loader.dispose()


def _broken(error: yaml.YAMLError) -> Document:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None)
    lines: dict[Location, int] = {} if mark is None else {(): mark.line + 1}
    return Document(lines=lines, problems=[Problem((), f"not valid YAML: {reason or error}")])


class _Reader:
    """Turns the nodes of one document into plain values."""

    def __init__(self) -> None:
        self._document = Document()
        self._values = 0

    def read(self, root: Node) -> Document:
        self._document.value = self._plain(root, ())
        return self._document

    def _plain(self, node: Node, at: Location) -> Any:
        self._values += 1
        if self._values > MOST_VALUES:
            raise yaml.YAMLError(f"more than {MOST_VALUES} values")
        self._document.lines.setdefault(at, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            return self._mapping(node, at)
        if isinstance(node, SequenceNode):
            return [self._plain(item, (*at, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, at)

    def _mapping(self, node: MappingNode, at: Location) -> dict[str, Any]:
        merges = [value for key, value in node.value if key.tag == _TAG + "merge"]
        found: dict[str, Any] = {}
        for value in reversed(merges):
            found |= self._merged(value, at)
        own: set[str] = set()
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                continue
            key = self._key(key_node, at)
            place = (*at, key)
            self._document.lines[place] = key_node.start_mark.line + 1
            if key in own:
                self._report(place, f'duplicate field "{dotted(place)}"')
            own.add(key)
            found[key] = self._plain(value_node, place)
        return found

    def _merged(self, node: Node, at: Location) -> dict[str, Any]:
        """Return the fields that ``<<`` brings in; the first of several mappings wins."""
        parts = node.value if isinstance(node, SequenceNode) else [node]
        found: dict[str, Any] = {}
        for part in reversed(parts):
            value = self._plain(part, at)
            if isinstance(value, dict):
                found |= value
            else:
                self._report(at, "<< takes a mapping or a list of mappings")
        return found

    def _key(self, node: Node, at: Location) -> str:
        """Return a key as JSON has it: numbers and booleans become text."""
        value = self._scalar(node, at) if isinstance(node, ScalarNode) else None
        if value is None:
            self._report(at, f"line {node.start_mark.line + 1} has a key that is not text")
        return value if isinstance(value, str) else json.dumps(value)

    def _scalar(self, node: Node, at: Location) -> Any:
        text = node.value
        try:
            match node.tag.removeprefix(_TAG):
                case "null":
                    return None
                case "bool":
                    return text in _TRUE
                case "int":
                    return _int(text)
                case "float":
                    return _float(text)
                case "str" | "timestamp" | "merge":
                    return text
        except ValueError:
            pass
        self._report(at, f"{dotted(at)}: a value that JSON cannot hold ({node.tag})")
        return None

    def _report(self, at: Location, sentence: str) -> None:
        self._document.problems.append(Problem(at, sentence))


def _int(text: str) -> int:
    digits = text.replace("_", "")
    # Go reads 0644 as octal; Python wants 0o644.
    return int(re.sub(r"^([-+]?)0([0-7]+)$", r"\g<1>0o\2", digits), 0)


def _float(text: str) -> int | float:
    """Return a number as JSON would give it back: 1.0 and 1e3 are whole."""
    number = float(text.replace("_", ""))
    if not math.isfinite(number):
        raise ValueError(text)
    return int(number) if number.is_integer() else number
