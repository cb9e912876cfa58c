"""What a person is told of a Pipeline by Kubernetes Events: turns of its conditions.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flume_operator.conditions import Reason, Type


@dataclass(frozen=True, slots=True)
class Told:
    """One Event."""

    is_warning: bool
    reason: str
    action: str
    note: str


_ACTIONS = {
    Type.SPEC_VALID: "Validate",
    Type.SETTINGS_SYNCED: "WriteSettings",
    Type.WORKERS_AVAILABLE: "Deploy",
    Type.PAUSED: "Pause",
}
"""Types whose turns are told → what the operator did.  Ready and Drained follow from them."""

_QUIET = frozenset(
    {Reason.STARTING, Reason.UPDATING, Reason.NOT_DEPLOYED, Reason.UNKNOWN, Reason.DELETING}
)
"""On the way to something else."""

_WARNINGS = frozenset({Reason.RATE_LIMIT_MISMATCH, Reason.NOT_PROGRESSING, Reason.PODS_REFUSED})
"""Also where what there was works on."""

_OF_THE_SPEC = frozenset({Reason.INVALID, Reason.REFUSED})
"""SpecValid tells of these, and what is wrong."""

_UNLESS_BEFORE = frozenset({Reason.VALID, Reason.SYNCED, Reason.NOT_PAUSED})
"""News only after something else: every Pipeline begins with them."""


def told(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Told]:
    """Yield what is to be told of the way from one status to another."""
    known = _by_type(before)
    for name, condition in _by_type(after).items():
        reason, was = condition["reason"], known.get(name, {})
        if name not in _ACTIONS or reason in _QUIET:
            continue
        if (was.get("status"), was.get("reason")) == (condition["status"], reason):
            continue
        if name == Type.SETTINGS_SYNCED and reason in _OF_THE_SPEC:
            continue
        if reason in _UNLESS_BEFORE and (not was or was["status"] == condition["status"]):
            continue
        yield Told(_is_warning(name, condition), reason, _ACTIONS[name], condition["message"])


def _is_warning(name: str, condition: Mapping[str, Any]) -> bool:
    if name == Type.PAUSED or condition["reason"] == Reason.SCALED_TO_ZERO:
        return False  # somebody's wish
    return condition["status"] == "False" or condition["reason"] in _WARNINGS


def _by_type(status: Mapping[str, Any]) -> dict[Type, Mapping[str, Any]]:
    found = status.get("conditions") or ()
    return {Type(item["type"]): item for item in found if item["type"] in set(Type)}
