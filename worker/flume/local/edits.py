"""What an edit of a manifest changes, in sentences, and when each change acts.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flume.manifest import Manifest
from flume.manifest.fields import Acts, Default
from flume.manifest.model import Model


@dataclass(frozen=True, slots=True)
class Change:
    """A field that an edit changed."""

    path: str
    """As in the manifest: ``retry.maxRetries``."""
    before: str
    after: str
    acts: Acts

    def __str__(self) -> str:
        return f"{self.path} {self.before} → {self.after}"


def changes(before: Manifest, after: Manifest) -> list[Change]:
    """Return what differs in the spec, field by field."""
    return list(_changes(before.spec, after.spec, "", None))


def _changes(before: Model, after: Model, above: str, acts: Acts | None) -> Iterator[Change]:
    for name, python_name in type(before).names().items():
        info = type(before).model_fields[python_name]
        own = next((mark for mark in info.metadata if isinstance(mark, Acts)), acts)
        old, new = getattr(before, python_name), getattr(after, python_name)
        if old == new:
            continue
        path = f"{above}{name}"
        if isinstance(old, Model) and isinstance(new, Model):
            yield from _changes(old, new, f"{path}.", own)
        else:
            unset = next(
                (mark.words for mark in info.metadata if isinstance(mark, Default)), "none"
            )
            yield Change(path, _shown(old, unset), _shown(new, unset), own or Acts.OPERATOR)


def _shown(value: Any, unset: str) -> str:
    """Return a value as it stands in a manifest; what a pod gets may hold a password."""
    match value:
        case None | ():
            return f"({unset})"
        case bool():
            return str(value).lower()
        case int() | str():
            return str(value)
        case Model():
            given = value.model_dump(by_alias=True, exclude_none=True)
            return (
                "{"
                + ", ".join(f"{key}: {_shown(item, unset)}" for key, item in given.items())
                + "}"
            )
        case tuple() if all(isinstance(item, str) for item in value):
            return "[" + ", ".join(value) + "]"
    return "(something else)"


def sentences(name: str, found: Sequence[Change]) -> Iterator[tuple[str, bool]]:
    """Yield what to say of the changes to a pipeline, and whether it is in force from now on."""
    for change in found:
        if change.acts is Acts.LIVE:
            yield f"{name}: {change}", True
        elif change.path == "modules":
            yield f"{name}: {change} waits until flume dev is started again.", False
        else:
            what = f"{name}: {change.path} has changed, which has no effect in flume dev"
            pods = "; in Kubernetes it restarts pods" if change.acts is Acts.RESTARTS else ""
            yield f"{what}{pods}.", False
