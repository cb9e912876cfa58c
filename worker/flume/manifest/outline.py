"""Every field of a Pipeline in order, read from the models: for the reference and for hints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pydantic.fields import FieldInfo

from flume.manifest.fields import Acts
from flume.manifest.model import Model, Rule
from flume.manifest.resource import Manifest


@dataclass(frozen=True, slots=True)
class Entry:
    """A field and where it stands."""

    path: tuple[str, ...]
    """Names from the top; a field inside the items of a list comes after ``name[]``."""
    info: FieldInfo
    kind: Any
    """Its type, without the None that stands for left out."""
    metadata: tuple[Any, ...]
    acts: Acts | None
    """When a change acts; a field inside an object acts when that does."""
    model: type[Model] | None
    """What is inside it, or inside its items."""


@cache
def outline() -> tuple[Entry, ...]:
    """Return all fields, each before those inside it."""
    return tuple(_fields(Manifest, (), None))


def rules() -> Iterator[tuple[str, Rule]]:
    """Yield each rule across fields, after the path of the object that it is about."""
    for entry in outline():
        for rule in entry.model.rules if entry.model else ():
            yield ".".join(entry.path), rule


def own_fields(
    model: type[Model], above: tuple[str, ...] = (), acts: Acts | None = None
) -> Iterator[Entry]:
    """Yield the fields of one object, without those inside them.

    Args:
        model: The object.
        above: Its path.
        acts: When a change of it acts, unless a field says otherwise.
    """
    for name, python_name in model.names().items():
        info = model.model_fields[python_name]
        kind, metadata = bare(info.annotation, info.metadata)
        own = next((mark for mark in metadata if isinstance(mark, Acts)), acts)
        item = get_args(kind)[0] if get_origin(kind) is tuple else kind
        inside = item if isinstance(item, type) and issubclass(item, Model) else None
        yield Entry((*above, name), info, kind, metadata, own, inside)


def _fields(model: type[Model], above: tuple[str, ...], acts: Acts | None) -> Iterator[Entry]:
    for entry in own_fields(model, above, acts):
        yield entry
        if entry.model is not None:
            mark = "[]" if get_origin(entry.kind) is tuple else ""
            yield from _fields(entry.model, (*above, f"{entry.path[-1]}{mark}"), entry.acts)


def bare(
    annotation: Any, metadata: list[Any] | tuple[Any, ...] = ()
) -> tuple[Any, tuple[Any, ...]]:
    """Return a type without Annotated and None, and the metadata that it had."""
    found = tuple(metadata)
    while True:
        members = [member for member in get_args(annotation) if member is not NoneType]
        if get_origin(annotation) is Annotated:
            annotation, more = annotation.__origin__, annotation.__metadata__
            found += more
        elif NoneType in get_args(annotation) and len(members) == 1:
            annotation = members[0]
        else:
            return annotation, found
