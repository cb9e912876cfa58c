"""The heartbeat: a thread that keeps leases alive and does the queue's housekeeping.

A thread with a connection of its own, because a handler that blocks the event loop must not lose
its job, nor the jobs beside it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from flume.commands import worker as commands
from flume.commands.command import texts
from flume.commands.worker import Beat, Reclaimed
from flume.connection import SyncConnections
from flume.errors import ServerError, ServerUnavailableError
from flume.keys import Keys
from flume.runtime.extending import Extender
from flume.runtime.following import Follower
from flume.runtime.identity import Identity
from flume.runtime.live import LiveSettings
from flume.runtime.reasons import Reasons
from flume.runtime.registration import Registration
from flume.settings_record import SettingsRecord

INTERVAL_S = 0.5
"""Between beats: what makes a due job at most a second late, and an idle worker quiet."""
AHEAD_WAIT_S = 0.1
"""How long a claimed job may wait for a place before others may have it (contract 5)."""
SETTLE_MS = 3000
"""Nobody reclaims for this long after a silence of all workers: longer than it takes a live one
to connect again (``link.LONGEST_WAIT_S``) and to beat.  Where Redis' clock was set forward it is
a silence too, and leases that had long to go have ended: then it takes a third of a lease until
each is extended."""
SILENCE_MS = 3000
"""A worker that has not beaten for this long counts as dead: six beats."""
STEPS = 20
"""Full steps of promotion or reclaiming in a row before leases are looked at again."""

logger = logging.getLogger("flume.worker")


class Heartbeat:
    """Beats until it is stopped.

    Args:
        keys: Of the queue.
        connections: Its own.
        identity: Of the worker; registered again here where Redis has forgotten it.
        registration: Does that.
        live: The settings of the pipeline.
        follower: Reads them when they change; None leaves the record unread.
        extender: Keeps leases.
        record: Makes what people see of this worker.
        was_away: Whether Redis was out of reach since the last call, for this or any other part.
        on_settings: Told (in this thread) of a new settings record, or that there is none any more.
        on_reclaimed: Told (in this thread) of jobs taken back from others.
        on_late: Told (in this thread) to give back claimed jobs that wait for a place too long;
            returns how many still wait.
        on_beat: Told (in this thread) what each beat says.
    """

    def __init__(
        self,
        keys: Keys,
        connections: SyncConnections,
        identity: Identity,
        registration: Registration,
        live: LiveSettings,
        *,
        follower: Follower | None,
        extender: Extender,
        record: Callable[[], dict[str, Any]],
        was_away: Callable[[], bool],
        on_settings: Callable[[SettingsRecord | None], None],
        on_reclaimed: Callable[[Reclaimed], None],
        on_late: Callable[[], int],
        on_beat: Callable[[Beat], None],
    ) -> None:
        self._keys = keys
        self._connections = connections
        self._identity = identity
        self._registration = registration
        self._live = live
        self._follower = follower
        self._extender = extender
        self._record = record
        self._was_away = was_away
        self._on_settings = on_settings
        self._on_reclaimed = on_reclaimed
        self._on_late = on_late
        self._on_beat = on_beat
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._is_asked = False
        self._thread = threading.Thread(target=self._run, name="flume-heartbeat", daemon=True)
        self._failed = False
        self._refusals = Reasons()
        self.last_beat = time.monotonic()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop beating, and wait for the call under way."""
        self._stopping.set()
        self._woken.set()
        self._thread.join(timeout=INTERVAL_S + 1)

    def soon(self) -> None:
        """Beat at once; from any thread."""
        self._is_asked = True
        self._woken.set()

    def _run(self) -> None:
        next_beat = time.monotonic()
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                if self._is_asked or time.monotonic() >= next_beat:
                    self._is_asked = False
                    next_beat = time.monotonic() + INTERVAL_S
                    self._extender.extend()
                    beat = self._beat()
                    self._on_beat(beat)
                    self._housekeep(beat)
                    self._failed = False
                    self._refusals.over()
                    self.last_beat = time.monotonic()
                is_waiting = self._on_late()
            except ServerUnavailableError:
                self._failed, is_waiting = True, 0
            except Exception as error:  # this thread must not end: leases would lapse unseen
                is_waiting = 0
                self._refused(error)
            wait = next_beat - time.monotonic()
            self._woken.wait(max(0.0, min(wait, AHEAD_WAIT_S) if is_waiting else wait))

    def _refused(self, error: Exception) -> None:
        if not self._refusals.is_new(error):
            return
        extra = {"queue": self._keys.queue, "reason": str(error)}
        is_ours = not isinstance(error, ServerError)
        logger.error("housekeeping_refused", extra=extra, exc_info=error if is_ours else None)

    def _beat(self) -> Beat:
        beat = self._say()
        if self._follower is not None and self._follower.look(beat.settings):
            # A longer lease is announced before it is used: a worker that has not heard of it
            # would take its deadlines for those of a clock that was set back.
            beat = replace(self._say(), prune=beat.prune)  # which is said once
            self._follower.hand_over(self._on_settings)
        return beat

    def _say(self) -> Beat:
        away = self._was_away() or self._failed
        while True:
            coming = 0 if self._follower is None else self._follower.lease_ms
            lease_ms = max(self._identity.lease_ms, coming)
            beat = self._connections.run(
                commands.beat(
                    self._keys,
                    self._identity.number,
                    self._identity.worker_id,
                    msgspec.json.encode(self._record()),
                    lease_ms=lease_ms,
                    away=away,
                    settle_ms=_settle_ms(lease_ms),
                )
            )
            if beat.is_registered:
                return beat
            logger.warning("worker_registered_again", extra={"queue": self._keys.queue})
            self._registration.register()

    def _housekeep(self, beat: Beat) -> None:
        if beat.promote or beat.reclaim:
            reply = self._connections.call("SMEMBERS", self._keys.handlers)
            names = sorted(texts(list(reply)))
            if beat.promote:
                self._promote(names)
            if beat.reclaim:
                self._reclaim(names)
        if beat.prune:
            settings = self._live.current
            self._connections.run(
                commands.prune(
                    self._keys,
                    dead_max_jobs=settings.dead_max_jobs,
                    dead_max_age_ms=round(settings.dead_max_age_s * 1000),
                )
            )

    def _promote(self, names: list[str]) -> None:
        limit = 1000
        for _ in range(STEPS):
            if self._connections.run(commands.promote(self._keys, names, limit)) < limit:
                return

    def _reclaim(self, names: list[str]) -> None:
        limit = 200
        for _ in range(STEPS):
            reclaimed = self._connections.run(
                commands.reclaim(
                    self._keys,
                    names,
                    lease_ms=self._identity.lease_ms,
                    silence_ms=min(SILENCE_MS, max(1000, self._identity.lease_ms // 2)),
                    max_crashes=self._live.current.max_crashes,
                    limit=limit,
                )
            )
            if reclaimed.seen:
                self._on_reclaimed(reclaimed)
            if reclaimed.seen < limit:
                return


def _settle_ms(lease_ms: int) -> int:
    return min(lease_ms, max(SETTLE_MS, lease_ms // 3 + round(2000 * INTERVAL_S)))
