"""Notices that a Pipeline has its queue elsewhere now: in another Redis, or under another prefix.

What it left there is ``freeing``'s to free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flume.control import address
from flume_operator.objects import Key, Pipeline


@dataclass(frozen=True, slots=True)
class Place:
    """Where a Pipeline has its queue."""

    secret: Key
    secret_key: str
    prefix: str
    url: str = field(repr=False)
    """Read out of the Secret, and may hold a password; empty: not read yet."""

    @property
    def where(self) -> str:
        """For people."""
        redis = address(self.url) if self.url else f"the Redis of Secret {self.secret.name}"
        return f"{redis}, key prefix {self.prefix}"

    def is_elsewhere(self, other: Place) -> bool:
        """Whether this is not the place of ``other``; a new password is no new place."""
        if self.prefix != other.prefix:
            return True
        if self.url and other.url:
            return address(self.url) != address(other.url)
        return (self.secret, self.secret_key) != (other.secret, other.secret_key)


class Moves:
    """The place of each Pipeline whose settings are in force.

    Args:
        left: Called with a Pipeline and a place that it has left.
    """

    def __init__(self, left: Callable[[Pipeline, Place], None]) -> None:
        self._left = left
        self._places: dict[str, Place] = {}

    def arrived(self, pipeline: Pipeline, place: Place) -> None:
        """Take note that the settings of a Pipeline are in force at a place."""
        before = self._places.get(pipeline.uid) or _told(pipeline)
        self._places[pipeline.uid] = place
        if before is not None and before.is_elsewhere(place):
            self._left(pipeline, before)

    def is_at(self, uid: str, place: Place) -> bool:
        """Whether a Pipeline is, or is again, at a place."""
        now = self._places.get(uid)
        return now is not None and not now.is_elsewhere(place)

    def forget(self, uid: str) -> None:
        """Drop a Pipeline that is gone."""
        self._places.pop(uid, None)


def _told(pipeline: Pipeline) -> Place | None:
    """Return where a Pipeline was by its status: another process led then."""
    found = pipeline.status.get("settings")
    told: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    name, key, prefix = (told.get(each) for each in ("secretName", "secretKey", "keyPrefix"))
    if not (name and key and prefix):
        return None
    return Place(Key(pipeline.key.namespace, name), key, prefix, url="")
