"""The settings that a worker obeys now.

One owner for all parts: who it is told of is ``worker``'s to join, how a new record is noticed and
read is left to ``following``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from flume.pipeline import PipelineSettings
from flume.settings_record import SettingsRecord

DEFAULTS = "default"
MANIFEST = "manifest"
RECORD = "record"
LOST_RECORD = "lost record"
"""Where settings come from; the last is a record that is gone, whose settings stay in force."""


class LiveSettings:
    """What is in force: flags before the record, the record before what the worker was given.

    Changed in the event loop only, so that no part sees half of a change.  The heartbeat's thread
    reads ``current`` and ``flags``.

    Args:
        given: What counts where there is no record: of a manifest, or the defaults.
        flags: Fields that were set for this worker alone.  They win.
        is_awaited: Claim nothing until there is a record.
        origin: Where ``given`` is from.
    """

    def __init__(
        self,
        given: PipelineSettings,
        flags: Mapping[str, Any] | None = None,
        *,
        is_awaited: bool = False,
        origin: str = DEFAULTS,
    ) -> None:
        self.flags = dict(flags or {})
        self.current = replace(given, **self.flags)
        self.record: SettingsRecord | None = None
        """What it obeys; None where there is none, or none any more."""
        self.is_awaited = is_awaited
        self.origin = origin
        """Where what is in force comes from, flags aside."""
        self._offered: PipelineSettings | None = None
        self.problem = ""
        """Why the record that is there is not obeyed."""
        self.listeners: list[Callable[[PipelineSettings], None]] = []

    @property
    def generation(self) -> int:
        """Of the record it obeys; 0 where there is none."""
        return 0 if self.record is None else self.record.generation

    @property
    def is_paused(self) -> bool:
        """Whether settings that are of no record pause this worker.

        Where there is a record, what is paused stands in the queue's pause; both go together.
        """
        return self.record is None and self.current.paused

    @property
    def holds_back(self) -> bool:
        """Whether the settings alone keep it from claiming."""
        return self.is_awaited or self.is_paused

    @property
    def offered(self) -> PipelineSettings | None:
        """What a file says anew, until a record or this counts."""
        return self._offered

    def offer(self, settings: PipelineSettings) -> None:
        """Take settings that count where there is no record; from any thread.

        They are obeyed at the next beat.  Those that come while there is a record are older than
        it, so that they never count: not even when it is gone.
        """
        if self.record is None:
            self._offered = settings

    def with_flags(self, settings: PipelineSettings) -> PipelineSettings:
        """Return what would be in force with these settings."""
        return replace(settings, **self.flags)

    def obey(self, record: SettingsRecord | None) -> dict[str, tuple[Any, Any]]:
        """Put a record in force and tell all parts; return what changed, from and to.

        With None what is in force stays so, unless something else was offered.
        """
        before, self.record = self.current, record
        offered, self._offered = self._offered, None
        if record is not None:
            self.current, self.is_awaited = self.with_flags(record.settings), False
            self.origin = RECORD
        elif offered is not None:
            self.current, self.origin = self.with_flags(offered), MANIFEST
        elif self.origin == RECORD:
            self.origin = LOST_RECORD
        for listener in self.listeners:
            listener(self.current)
        return changes(before, self.current)


def changes(before: PipelineSettings, after: PipelineSettings) -> dict[str, tuple[Any, Any]]:
    """Return each field that differs, with its value before and after."""
    pairs = {
        field.name: (getattr(before, field.name), getattr(after, field.name))
        for field in fields(before)
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
