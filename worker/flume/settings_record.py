"""The settings record of a queue: what Redis holds, as values.

Who writes it is its owner: a Pipeline, or ``flume dev``.  That an older owner keeps it from a
younger one is left to ``configure.lua``, what a worker does with it to ``flume.runtime.live``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import msgspec

from flume.errors import SettingsUnreadableError
from flume.pipeline import PipelineSettings, RateLimit

FIELDS = ("owner", "uid", "created", "spec", "home", "generation", "json")
"""Of the hash, in the order in which ``read`` takes their values."""

_KNOWN = frozenset(field.name for field in fields(PipelineSettings))
_KNOWN_OF_LIMIT = frozenset(field.name for field in fields(RateLimit))


@dataclass(frozen=True, slots=True)
class Owner:
    """Who writes the settings of a queue."""

    name: str
    """For people: ``dev/email``, or namespace and name of a Pipeline."""
    uid: str
    """Tells it from all others, also from a later one of the same name."""
    created_ms: int
    """When it was created: of two that want one queue, the older keeps it."""
    spec: int = 1
    """Generation of what it writes: an older one never overwrites a newer one."""
    home: str = ""
    """Who looks after it, and alone knows whether it is gone: an installation of the operator."""


@dataclass(frozen=True, slots=True)
class SettingsRecord:
    """What a queue's workers obey, and whose it is."""

    owner: Owner
    generation: int
    settings: PipelineSettings
    unknown: tuple[str, ...]
    """Fields that this version of Flume does not know, and ignores."""


def encode(settings: PipelineSettings) -> bytes:
    """Return settings as the record holds them."""
    return msgspec.json.encode(settings)


def read(queue: str, values: Sequence[bytes | None]) -> SettingsRecord | None:
    """Return the record of ``queue`` from the values of ``FIELDS``; None where there is none.

    Fields that it leaves out have their defaults.

    Raises:
        SettingsUnreadableError: If it is no record that this version of Flume can obey.
    """
    if not any(value is not None for value in values):
        return None
    owner, uid, created, spec, home, generation, json = values
    settings, unknown = _settings(queue, json)
    who = Owner(shown(owner), shown(uid), whole(created), whole(spec), shown(home))
    return SettingsRecord(who, whole(generation), settings, unknown)


def settings_in(queue: str, json: bytes) -> PipelineSettings:
    """Return the settings that a record's JSON holds.

    Raises:
        SettingsUnreadableError: If this version of Flume cannot obey them.
    """
    return _settings(queue, json)[0]


def _settings(queue: str, json: bytes | None) -> tuple[PipelineSettings, tuple[str, ...]]:
    try:
        found = msgspec.json.decode(json or b"")
        if not isinstance(found, dict):
            raise SettingsUnreadableError(queue, "they are no JSON object")
        settings = msgspec.convert({**found, "queue": queue}, PipelineSettings)
    except msgspec.ValidationError as error:  # names the field, its bound and its type, no value
        raise SettingsUnreadableError(queue, str(error)) from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SettingsUnreadableError(queue, "they are not JSON") from error
    return settings, tuple(sorted(_unknown(found)))


def _unknown(found: Mapping[str, Any]) -> list[str]:
    limit = found.get("rate_limit") or {}
    return [
        *found.keys() - _KNOWN,
        *(f"rate_limit.{name}" for name in limit.keys() - _KNOWN_OF_LIMIT),
    ]


def shown(value: bytes | None) -> str:
    """Return a text of the hash; bytes that are no UTF-8 are shown escaped."""
    return (value or b"").decode(errors="backslashreplace")


def whole(value: bytes | None) -> int:
    """Return a number of the hash; 0 where it is none, for then it decides nothing."""
    return int(value) if value and len(value) < 17 and value.isdigit() else 0
