"""Which Kubernetes Events to write: what is said again is counted, and not written again.

Pure: ``events`` does the writing.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from flume_operator.objects import API_VERSION, KIND

MOST_NOTE_BYTES = 1024
"""Kubernetes refuses an Event with a longer note."""
QUIET_S = 60.0
"""Between two writes of the same Event: what happens meanwhile is counted."""
MEMORY_S = 600.0
"""After which an Event that was not said again is forgotten here; the cluster keeps it longer."""
NOTES = 3
"""Different notes of one object and reason within ``MEMORY_S``.

A person who mends a spec sees what is wrong now; a note with a number that changes each time does
not fill the page.
"""
MOST = 5000
"""Events remembered at once: ten for each of 500 Pipelines."""


class Kind(StrEnum):
    """Type of an Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class About:
    """The object that an Event is about."""

    namespace: str
    name: str
    uid: str
    kind: str = KIND
    api_version: str = API_VERSION


@dataclass(frozen=True, slots=True)
class Event:
    """What is said; equal where it is the same again."""

    about: About
    kind: Kind
    reason: str
    """One CamelCase word that a program may look for."""
    action: str
    """What the operator did or tried; one CamelCase word."""
    note: str
    """A sentence for people."""

    @property
    def name(self) -> str:
        """Its name in the cluster, the same after a restart and for the next leader."""
        text = "\0".join((self.about.uid, self.kind, self.reason, self.action, self.note))
        digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        return f"{self.about.name}.{digest}"


@dataclass(slots=True)
class Series:
    """How often an Event happened."""

    heard: float
    """When it was last said, by the steady clock."""
    last: str
    """The same, by the time of day."""
    pending: int = 0
    """How often it was said and not yet written."""
    written: int = 0
    """The count in the cluster; 0: not known."""
    written_at: float = float("-inf")


class SeriesTable:
    """The Events of the last minutes, and how much of each is not yet written."""

    def __init__(self) -> None:
        self._series: OrderedDict[Event, Series] = OrderedDict()  # the last one said comes last
        self.dropped = 0
        """Events that found no room."""

    def __getitem__(self, event: Event) -> Series:
        return self._series[event]

    def __len__(self) -> int:
        return len(self._series)

    def say(self, event: Event, *, now: float, at: str) -> None:
        """Take note that ``event`` happened."""
        self._forget(now)
        if event not in self._series:
            alike = [each for each in self._series if _is_alike(each, event)]
            if len(alike) >= NOTES:
                event = alike[-1]
            elif len(self._series) >= MOST:
                self.dropped += 1
                return
        series = self._series.setdefault(event, Series(now, at))
        series.heard, series.last = now, at
        series.pending += 1
        self._series.move_to_end(event)

    def due(self, now: float) -> list[Event]:
        """Return what may be written now, in the order in which it was said."""
        return [event for event, series in self._series.items() if _due_at(series) <= now]

    def next_due_s(self, now: float) -> float:
        """Return after how many seconds something is due; infinity: nothing waits."""
        return max(0.0, min(map(_due_at, self._series.values()), default=float("inf")) - now)

    def wrote(self, event: Event, *, pending: int, count: int, now: float) -> None:
        """Take note that ``pending`` of it were written, and that the cluster says ``count``."""
        series = self._series[event]
        series.pending -= pending
        series.written, series.written_at = count, now

    def drop(self, event: Event) -> None:
        """Forget an Event that the API server does not take."""
        del self._series[event]
        self.dropped += 1

    def _forget(self, now: float) -> None:
        while self._series:
            event, series = next(iter(self._series.items()))
            if series.pending or now - series.heard < MEMORY_S:
                return
            del self._series[event]


def clipped(note: str) -> str:
    """Return a note that Kubernetes takes."""
    data = note.encode()
    if len(data) <= MOST_NOTE_BYTES:
        return note
    return data[: MOST_NOTE_BYTES - 3].decode(errors="ignore") + "…"


def _is_alike(one: Event, other: Event) -> bool:
    return one.about.uid == other.about.uid and one.reason == other.reason


def _due_at(series: Series) -> float:
    return series.written_at + QUIET_S if series.pending else float("inf")
