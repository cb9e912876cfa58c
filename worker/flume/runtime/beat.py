"""The heartbeat: a thread that keeps leases alive and does the queue's housekeeping.

A thread with a connection of its own, because a handler that blocks the event loop must not lose
its job, nor the jobs beside it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from flume.commands import worker as commands
from flume.commands.command import Argument, texts
from flume.commands.worker import Beat, Reclaimed
from flume.connection import SyncConnections
from flume.current import HeldJob
from flume.errors import ServerError, ServerFullError, ServerUnavailableError
from flume.keys import Keys, queues_key
from flume.pipeline import PipelineSettings
from flume.runtime.demand import Demand
from flume.runtime.identity import Identity
from flume.runtime.lane import TIMEOUT_GRACE_S

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
        demand: The jobs whose leases it keeps.
        identity: Of the worker; registered again here where Redis has forgotten it.
        settings: Of the pipeline.
        record: Makes what people see of this worker.
        was_away: Whether Redis was out of reach since the last call, for this or any other part.
        unstored: Returns the outcomes, id and fence in turn, that nobody has stored for so long.
        on_lost: Told (in this thread) which jobs are not ours any more; some may have ended.
        on_reclaimed: Told (in this thread) of jobs taken back from others.
        on_late: Told (in this thread) to give back claimed jobs that wait for a place too long;
            returns how many still wait.
        on_beat: Told (in this thread) what each beat says.
        on_joining: Called (in this thread) before the worker registers, once its queue is listed.
    """

    def __init__(
        self,
        keys: Keys,
        connections: SyncConnections,
        demand: Demand,
        identity: Identity,
        settings: PipelineSettings,
        *,
        record: Callable[[], dict[str, Any]],
        was_away: Callable[[], bool],
        unstored: Callable[[float], list[Argument]],
        on_lost: Callable[[Sequence[HeldJob]], None],
        on_reclaimed: Callable[[Reclaimed], None],
        on_late: Callable[[], int],
        on_beat: Callable[[Beat], None],
        on_joining: Callable[[], None],
    ) -> None:
        self._keys = keys
        self._connections = connections
        self._demand = demand
        self._identity = identity
        self._settings = settings
        self._record = record
        self._was_away = was_away
        self._unstored = unstored
        self._on_lost = on_lost
        self._on_reclaimed = on_reclaimed
        self._on_late = on_late
        self._on_beat = on_beat
        self._on_joining = on_joining
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._is_asked = False
        self._thread = threading.Thread(target=self._run, name="flume-heartbeat", daemon=True)
        self._failed = False
        self._reported = ""
        self.generation = 0
        """Of the settings in Redis, as of the last beat."""
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
                    self._extend()
                    beat = self._beat()
                    self._on_beat(beat)
                    self._housekeep(beat)
                    self._failed, self._reported = False, ""
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
        if str(error) == self._reported:  # once for each reason
            return
        self._reported = str(error)
        extra = {"queue": self._keys.queue, "reason": str(error)}
        is_ours = not isinstance(error, ServerError)
        logger.error("housekeeping_refused", extra=extra, exc_info=error if is_ours else None)

    def _extend(self) -> None:
        """Extend what has used up a third of its lease and may go on, or waits to be stored."""
        now = time.monotonic()
        lease = self._identity.lease_ms / 1000
        due = [
            job
            for job in list(self._demand.held.values())
            if now - job.extended_at >= lease / 3 and _may_go_on(job, now)
        ]
        for start in range(0, len(due), commands.RELEASE_AT_ONCE):
            part = due[start : start + commands.RELEASE_AT_ONCE]
            pairs: list[Argument] = [item for job in part for item in (job.id, job.fence)]
            command = commands.extend(self._keys, pairs, lease_ms=self._identity.lease_ms)
            lost = self._connections.run(command)
            for job in part:
                job.extended_at = now
            if lost:
                gone = set(lost)
                self._on_lost([job for job in part if job.id in gone])
        ended = self._unstored(lease / 3)
        for start in range(0, len(ended), 2 * commands.RELEASE_AT_ONCE):
            part_of = ended[start : start + 2 * commands.RELEASE_AT_ONCE]
            command = commands.extend(self._keys, part_of, lease_ms=self._identity.lease_ms)
            self._connections.run(command)  # a lost one has been stored meanwhile

    def _beat(self) -> Beat:
        away = self._was_away() or self._failed
        while True:
            beat = self._connections.run(
                commands.beat(
                    self._keys,
                    self._identity.number,
                    self._identity.worker_id,
                    msgspec.json.encode(self._record()),
                    lease_ms=self._identity.lease_ms,
                    away=away,
                    settle_ms=_settle_ms(self._identity.lease_ms),
                )
            )
            self.generation = beat.generation
            if beat.is_registered:
                return beat
            logger.warning("worker_registered_again", extra={"queue": self._keys.queue})
            self.register()

    def register(self) -> None:
        """Ask for a number.

        Raises:
            ServerError: If none is free, or Redis cannot be reached.
        """
        identity = self._identity
        try:
            self._connections.call("SADD", queues_key(self._keys.prefix), self._keys.queue)
        except ServerFullError:
            pass  # whoever enqueued has added it, and a full Redis needs workers most
        self._on_joining()
        record = msgspec.json.encode(self._record())
        number = self._connections.run(commands.register(self._keys, identity.worker_id, record))
        if number < 0:
            raise ServerError(
                f"queue {self._keys.queue} has 2,048 workers, and a fence has no room for more. "
                "Use fewer replicas with a higher concurrency, or a second queue."
            )
        identity.number = number

    def _housekeep(self, beat: Beat) -> None:
        if beat.promote or beat.reclaim:
            reply = self._connections.call("SMEMBERS", self._keys.handlers)
            names = sorted(texts(list(reply)))
            if beat.promote:
                self._promote(names)
            if beat.reclaim:
                self._reclaim(names)
        if beat.prune:
            self._connections.run(
                commands.prune(
                    self._keys,
                    dead_max_jobs=self._settings.dead_max_jobs,
                    dead_max_age_ms=round(self._settings.dead_max_age_s * 1000),
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
                    max_crashes=self._settings.max_crashes,
                    limit=limit,
                )
            )
            if reclaimed.seen:
                self._on_reclaimed(reclaimed)
            if reclaimed.seen < limit:
                return


def _may_go_on(job: HeldJob, now: float) -> bool:
    """Whether a lease is renewed: not once its job is past its timeout and grace."""
    if job.is_settled:  # it was given back unrun
        return False
    return not job.started_at or now - job.started_at < job.timeout_s + TIMEOUT_GRACE_S


def _settle_ms(lease_ms: int) -> int:
    return min(lease_ms, max(SETTLE_MS, lease_ms // 3 + round(2000 * INTERVAL_S)))
