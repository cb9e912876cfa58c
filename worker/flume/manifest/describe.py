"""Say in words what a field takes: its type, bounds, default, and when a change acts."""

from __future__ import annotations

import json
from typing import Any, Literal, TypeVar, get_args, get_origin

from flume.manifest.fields import Between, Default, Entries, FromKubernetes, IntOrText, Items, Text
from flume.manifest.model import Model
from flume.manifest.outline import Entry, bare
from flume.manifest.patterns import WORDS

T = TypeVar("T")

_SCALARS = {bool: "boolean", int: "integer", str: "string"}


def description(entry: Entry) -> str:
    """Return all there is to say about a field, as the schema in the cluster carries it."""
    about = " ".join((entry.info.description or "").split())
    if entry.acts is None:  # nobody sets it: a field of the status
        return about
    within = bounds(entry)
    native = _first(entry.metadata, FromKubernetes)
    facts = [about, f"{native.kind} of Kubernetes." if native else ""]
    facts.append(f"{within[0].upper()}{within[1:]}." if within else "")
    facts.append("Required." if entry.info.is_required() else f"Default: {default(entry)}.")
    facts.append(entry.acts.value)
    return " ".join(fact for fact in facts if fact)


def fixed(name: str) -> str:
    """Return the sentence that refuses a change of a field that cannot be changed."""
    return f"{name} cannot be changed later: make another Pipeline"


def type_name(entry: Entry) -> str:
    """Return the type of a field, in the words of its manifest."""
    native = _first(entry.metadata, FromKubernetes)
    name = _type(entry.kind, entry.metadata)
    return f"{name} ({native.kind} of Kubernetes)" if native else name


def default(entry: Entry) -> str:
    """Return what holds where a field is left out."""
    if entry.info.is_required():
        return "required"
    if words := _first(entry.metadata, Default):
        return words.words
    value = entry.info.get_default(call_default_factory=True)
    if isinstance(value, Model):
        return "the defaults of its fields"
    return "none" if value in (None, (), {}) else json.dumps(value)


def bounds(entry: Entry) -> str:
    """Return what values a field takes."""
    return "; ".join(_bounds(entry.kind, entry.metadata))


def _type(kind: Any, metadata: tuple[Any, ...]) -> str:
    if _first(metadata, IntOrText):
        return "integer or string"
    if get_origin(kind) is Literal:
        return "string"
    if get_origin(kind) is tuple:
        return f"list of {_types(get_args(kind)[0])}"
    if get_origin(kind) is dict and get_args(kind)[1] is not Any:
        return f"map of {_types(get_args(kind)[1])}"
    return _SCALARS.get(kind, "object")


def _types(item: Any) -> str:
    return " or ".join(f"{name}s" for name in _type(*bare(item)).split(" or "))


def _bounds(kind: Any, metadata: tuple[Any, ...]) -> list[str]:
    said = [sentence for mark in metadata if (sentence := _bound(mark))]
    if get_origin(kind) is Literal:
        said.append(f"one of {', '.join(get_args(kind))}")
    if get_origin(kind) in (tuple, dict):
        # The item of tuple[X, ...] comes first, the value of dict[str, X] last.
        inner = get_args(kind)[0 if get_origin(kind) is tuple else 1]
        said += [f"each {sentence}" for sentence in _bounds(*bare(inner))]
    return said


def _bound(mark: object) -> str:
    match mark:
        case Between(low, high, unit):
            return f"{low:,} to {high:,} {unit}".rstrip()
        case Text(longest, pattern):
            words = f": {WORDS[pattern]}" if pattern else ""
            return f"at most {longest:,} characters{words}"
        case Items(most, least, distinct):
            differ = f", each with another {distinct}" if distinct else ", all different"
            number = f"{least} to {most}" if least else f"at most {most}"
            return f"{number} items{differ if distinct is not None else ''}"
        case Entries(most):
            return f"at most {most} entries"
        case IntOrText(pattern, _, most):
            return f"{WORDS[pattern]}, at most {most:,} as a number"
    return ""


def _first(marks: tuple[Any, ...], kind: type[T]) -> T | None:
    return next((mark for mark in marks if isinstance(mark, kind)), None)
