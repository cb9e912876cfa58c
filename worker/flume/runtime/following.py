"""Notices a new settings record, reads it, and says what keeps it from being obeyed.

Runs in the heartbeat's thread: each beat brings a text that changes when the record does.  Where
there is none, settings that a file offers are obeyed in the same way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from flume import settings_record
from flume.connection import SyncConnections
from flume.errors import ServerError, ServerUnavailableError
from flume.keys import Keys
from flume.runtime.live import LiveSettings
from flume.runtime.reasons import Reasons
from flume.settings_record import FIELDS, SettingsRecord

logger = logging.getLogger("flume.worker")

_FOREIGN = b"foreign"  # as beat.lua says where the key holds no hash
_NONE = b"  "


class Follower:
    """Reads the record of a queue when it has changed.

    Args:
        keys: Of the queue.
        connections: The heartbeat's.
        live: What is in force; changed by ``on_record`` only.
    """

    def __init__(self, keys: Keys, connections: SyncConnections, live: LiveSettings) -> None:
        self._keys = keys
        self._connections = connections
        self._live = live
        self._seen = _NONE
        self._read: SettingsRecord | None = None
        self._problems = Reasons()
        self.lease_ms = 0
        """Of the record that was read last: to be announced before it is used."""

    def look(self, told: bytes) -> bool:
        """Read the record if ``told`` is news; return whether there is something else to obey.

        Raises:
            ServerUnavailableError: If Redis does not answer; the next look reads it then.
        """
        if told != self._seen:
            return self.read()
        offered = self._live.offered
        if offered is None or told != _NONE:
            return False
        self.lease_ms = round(self._live.with_flags(offered).lease_s * 1000)
        return True

    def read(self) -> bool:
        """Read the record; return whether there is one to obey, or none left.

        Raises:
            ServerUnavailableError: If Redis does not answer.
        """
        self._seen = _FOREIGN
        try:
            values = self._connections.call("HMGET", self._keys.settings, *FIELDS)
            self._seen = _told(values)
            self._read = settings_record.read(self._keys.queue, values)
        except ServerUnavailableError:
            raise
        except ServerError as error:
            self._complain(error)
            return False
        self._live.problem = ""
        self._problems.over()
        if self._read is not None:
            settings = self._live.with_flags(self._read.settings)
            self.lease_ms = round(settings.lease_s * 1000)
        return True

    def hand_over(self, to: Callable[[SettingsRecord | None], None]) -> None:
        """Hand over what was read last."""
        to(self._read)

    def _complain(self, error: ServerError) -> None:
        reason = self._live.problem = str(error)
        if self._problems.is_new(error):
            logger.error("settings_unreadable", extra={"queue": self._keys.queue, "reason": reason})


def _told(values: list[bytes | None]) -> bytes:
    """Return what a beat says of a record with these values, as beat.lua puts it together."""
    named = dict(zip(FIELDS, values, strict=True))
    return b" ".join(named[name] or b"" for name in ("generation", "uid", "spec"))[:200]
