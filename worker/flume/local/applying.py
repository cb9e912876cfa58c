"""Writes what manifests say into the settings records of their queues."""

from __future__ import annotations

import secrets
import time

from flume.commands.client import Configured, Write, configure
from flume.commands.limit import Definition, define, definition, keys_of
from flume.connection import SyncConnections
from flume.keys import Keys, LimitKeys
from flume.manifest import Manifest
from flume.pausing import as_in_spec
from flume.settings_record import Owner, encode

_DEV = "dev/"
"""How the names of our owners begin: what an earlier run has left is taken over."""


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
        self._paused: dict[str, bool] = {}
        self._limits: dict[str, LimitKeys] = {}

    def close(self) -> None:
        """Close its connections."""
        self._connections.close()

    def apply(self, manifest: Manifest) -> str:
        """Write a manifest's settings; return why they are not in force, where they are not.

        Raises:
            ServerError: If Redis did not do it.
        """
        answer = self._configure(manifest)
        if answer.write is not Write.HELD:
            self._pause(manifest)
            self._limit(manifest, answer.generation)
            return ""
        return (
            f"the settings of queue {manifest.spec.queue} belong to {answer.holder.name}, which is "
            "older: workers obey those, also the ones here. Give this pipeline another queue, or "
            "use a Redis of your own."
        )

    def _pause(self, manifest: Manifest) -> None:
        """Pause or resume where the manifest has changed its mind."""
        queue, is_paused = manifest.spec.queue, manifest.spec.paused
        if self._paused.get(queue) != is_paused:
            keys, by = Keys(queue, self._prefix), f"{_DEV}{manifest.metadata.name}"
            self._connections.run(as_in_spec(keys, is_paused=is_paused, by=by))
            self._paused[queue] = is_paused

    def _limit(self, manifest: Manifest, generation: int) -> None:
        """Say what the limit is now, so that the next claim of any worker goes by it."""
        queue, limit = manifest.spec.queue, manifest.settings().rate_limit
        keys = None if limit is None else keys_of(Keys(queue, self._prefix), limit)
        before = self._limits.pop(queue, None)
        if before is not None and before != keys:
            self._connections.run(define(before, queue, Definition(0, 1000, generation)))
        if keys is not None and limit is not None:
            self._connections.run(define(keys, queue, definition(limit, generation)))
            self._limits[queue] = keys

    def _configure(self, manifest: Manifest) -> Configured:
        settings = manifest.settings()
        keys = Keys(settings.queue, self._prefix)
        self._writes += 1
        owner = Owner(f"{_DEV}{manifest.metadata.name}", self._uid, self._created_ms, self._writes)
        name, uid = self._connections.call("HMGET", keys.settings, "owner", "uid")
        is_left = (name or b"").startswith(_DEV.encode())
        over = (uid or b"").decode(errors="replace") if is_left else ""
        return self._connections.run(configure(keys, owner, encode(settings), over=over))
