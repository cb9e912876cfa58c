"""Puts what manifests say in force in the queues of this Redis: who owns them is one run."""

from __future__ import annotations

import secrets
import time

from flume import configuring
from flume.commands.client import Write
from flume.configuring import DEV, Applied
from flume.connection import SyncConnections
from flume.driving import drive
from flume.keys import Keys
from flume.manifest import Manifest
from flume.settings_record import Owner


class Applier:
    """The owner of the settings of one run of ``flume dev``.

    Args:
        url: Of Redis.
        prefix: Start of all keys.
    """

    def __init__(self, url: str, prefix: str) -> None:
        self._connections = SyncConnections(url)
        self._prefix = prefix
        self._uid = secrets.token_hex(8)
        self._created_ms = time.time_ns() // 1_000_000
        self._writes = 0

    def close(self) -> None:
        """Close its connections."""
        self._connections.close()

    def apply(self, manifest: Manifest) -> str:
        """Write a manifest's settings; return why they are not in force, where they are not.

        Raises:
            ServerError: If Redis did not do it.
        """
        settings = manifest.settings()
        self._writes += 1
        owner = Owner(f"{DEV}{manifest.metadata.name}", self._uid, self._created_ms, self._writes)
        keys = Keys(settings.queue, self._prefix)
        applying = configuring.apply(keys, settings, owner, _nobody_else)
        applied = drive(applying, self._connections.run, self._connections.call)
        return "" if applied.is_in_force else _why_not(settings.queue, applied)


def _nobody_else(_holder: Owner) -> bool:
    """Whether a holder is gone: this process knows of no Pipelines in a cluster."""
    return False


def _why_not(queue: str, applied: Applied) -> str:
    if applied.write is Write.GONE:
        return (
            f"the settings of queue {queue} were taken over by {applied.holder.name or 'another'}: "
            "workers obey those, also the ones here. Start flume dev again to take them back."
        )
    return (
        f"the settings of queue {queue} belong to {applied.holder.name}, which is "
        "older: workers obey those, also the ones here. Give this pipeline another queue, or "
        "use a Redis of your own."
    )
