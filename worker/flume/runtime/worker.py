"""A worker of one queue: its parts put together, started in order and stopped in order."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from random import Random
from typing import Any

from flume.commands import pausing
from flume.connection import AsyncConnections, SyncConnections
from flume.delivery.python import Loaded
from flume.errors import ConfigurationError
from flume.events import WorkerStarted, WorkerStopped, bus
from flume.keys import DEFAULT_PREFIX, Keys
from flume.pipeline import PipelineSettings
from flume.runtime import report
from flume.runtime.assembly import Assembly, Basis
from flume.runtime.demand import Demand
from flume.runtime.ending import finish
from flume.runtime.extending import call_timeout
from flume.runtime.identity import Identity, lease_ms, new_worker_id
from flume.runtime.lanes import warn_of_single
from flume.runtime.link import Link
from flume.runtime.live import DEFAULTS, LiveSettings
from flume.runtime.metrics import Metrics
from flume.runtime.nothing import nothing
from flume.runtime.sweeper import sweep
from flume.settings_record import SettingsRecord

DEFAULT_GRACE_S = 50.0
"""Seconds to finish what runs after a stop: a pod's default grace of 60 s less what follows:
1 for cancelled handlers, 3 for outcomes, 1.5 for the heartbeat, 3 to deregister, at the most."""

logger = logging.getLogger("flume.worker")


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker is started with."""

    settings: PipelineSettings
    """What it obeys where the queue has no settings record."""
    loaded: Loaded
    url: str | None = None
    prefix: str = DEFAULT_PREFIX
    pipeline: str = ""
    """Name for metrics and logs; empty: the queue's."""
    grace_s: float = DEFAULT_GRACE_S
    seed: int | None = None
    """Of the jitter; tests set it."""
    shift_ms: int = 0
    """Moves the clock of the scripts; tests set it."""
    flags: dict[str, Any] = field(default_factory=dict)
    """Settings for this worker alone, by field: they win over the record."""
    follows_record: bool = True
    """Whether it obeys the queue's settings record; a run of a test goes by what the test says."""
    awaits_settings: bool = False
    """Claim nothing until the queue has a settings record."""
    settings_from: str = DEFAULTS
    """Where ``settings`` are from, as ``runtime.live`` names it."""
    labels: dict[str, str] = field(default_factory=dict)
    """Shown with the worker, such as the name of its pod."""


class Worker:
    """Claims and runs the jobs of one queue until it is stopped.

    Args:
        config: What it is started with.
    """

    def __init__(self, config: WorkerConfig) -> None:
        self.config = config
        self.keys = Keys(config.settings.queue, config.prefix)
        self.metrics = Metrics(self.keys.queue, config.pipeline or self.keys.queue)
        self.live = LiveSettings(
            config.settings,
            config.flags,
            is_awaited=config.awaits_settings,
            origin=config.settings_from,
        )
        self.is_ready = False
        """It has registered and claims."""
        self.is_stuck = False
        """Every place is taken by a handler that was given up and does not return."""
        self._basis = Basis(
            self.keys,
            config.loaded.handlers,
            self.live,
            Identity(new_worker_id(), lease_ms(self.live.current)),
            Demand(self.live.current.max_demand),
            self.metrics,
            Random(config.seed),
        )
        self._started_at = time.time()
        self._stopping = asyncio.Event()
        self._is_begun = False
        self._was_asked = False
        self._grace_s = config.grace_s
        self._parts: Assembly | None = None
        self._link: Link | None = None

    @property
    def id(self) -> str:
        """The worker's id, new for each start."""
        return self._basis.identity.worker_id

    def stop(self) -> None:
        """Stop in order: claim no more, finish what runs within the grace, release the rest.

        From a signal handler or another thread use ``stop_soon``.
        """
        self.is_ready = False
        self._stopping.set()
        for fetcher in self._parts.fetchers if self._parts else ():
            fetcher.stop()

    def stop_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop, from a signal handler or another thread; a second call gives up the grace."""
        if self._was_asked:
            self._grace_s = 0.0
        self._was_asked = True
        self.drain_soon(loop)

    def drain_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop as ``stop_soon`` does, but as an announcement: a stop that follows is the first."""
        self.is_ready = False
        for fetcher in self._parts.fetchers if self._parts else ():
            fetcher.stopping.set()  # at once, also while a handler blocks the loop
        loop.call_soon_threadsafe(self.stop)

    async def pause(self, *, reason: str = "") -> None:
        """Let this worker claim nothing until ``resume``; what runs goes on.

        It is kept in Redis beside the other pauses of the queue, until the worker leaves.

        Raises:
            ConfigurationError: If the worker is not running.
            ServerError: If Redis does not take it.
        """
        source = pausing.worker_source(self.id)
        command = pausing.pause(self.keys, source, by=self.id, reason=reason)
        await self._running_link().connections.run(command)

    async def resume(self) -> None:
        """Take away what ``pause`` set, or a client for this worker only; no other pause.

        Raises:
            ConfigurationError: If the worker is not running.
            ServerError: If Redis does not take it.
        """
        command = pausing.resume(self.keys, pausing.worker_source(self.id))
        await self._running_link().connections.run(command)

    def _running_link(self) -> Link:
        if self._link is None or not self.is_ready:
            raise ConfigurationError(
                f"worker {self.id} is not running, so it cannot be paused or resumed: call this "
                "while run() is under way."
            )
        return self._link

    async def run(self) -> None:
        """Run until stopped.

        Raises:
            ServerError: If Redis refuses this worker for good, such as for a wrong password.
        """
        async with self.config.loaded.open():
            await self._run()

    async def _run(self) -> None:
        connections = AsyncConnections(self.config.url)
        beats = SyncConnections(
            self.config.url, timeout=call_timeout(self._basis.identity.lease_ms)
        )
        connections.shift_ms = beats.shift_ms = self.config.shift_ms
        link = Link(self.keys.queue, connections, rng=self._basis.rng)
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._serve(tasks, link, beats)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group  # one cause: the rest was cancelled for it
        finally:
            self.is_ready = False
            for lane in self._parts.lanes if self._parts else ():
                lane.close()
            await connections.close()
            beats.close()

    async def _serve(self, tasks: asyncio.TaskGroup, link: Link, beats: SyncConnections) -> None:
        parts = Assembly(
            self._basis,
            tasks,
            link,
            beats,
            record=self._record,
            on_settings=self._follow if self.config.follows_record else None,
        )
        self._parts, self._link = parts, link
        if not await self._begin(link, parts):
            return
        parts.heartbeat.start()
        sweeper = tasks.create_task(sweep(parts.lanes, self._found_stuck))
        runs = [tasks.create_task(fetcher.run()) for fetcher in parts.fetchers]
        try:
            await self._stopping.wait()
            await finish(
                self.keys.queue,
                parts.lanes,
                runs,
                demand=self._basis.demand,
                settler=parts.settler,
                completer=parts.completer,
                grace_s=lambda: self._grace_s,
            )
            await parts.limiter.end()
        finally:
            self.is_ready = False
            sweeper.cancel()
            parts.heartbeat.stop()
        await parts.registration.end(link, sorted(self.config.loaded.handlers))
        released = parts.settler.released
        extra = {"queue": self.keys.queue, "worker_id": self.id, "released": released}
        logger.info("worker_stopped", extra=extra)
        bus.publish(WorkerStopped(self.keys.queue, self.id, released))

    async def _begin(self, link: Link, parts: Assembly) -> bool:
        """Register and read the settings, so that they hold from the first claim on."""
        follower = parts.follower
        is_registered = await parts.registration.begin(
            link, self._stopping, rng=self._basis.rng, then=follower.read if follower else nothing
        )
        if not is_registered or self._stopping.is_set():  # it was stopped meanwhile
            await parts.registration.end(link, sorted(self.config.loaded.handlers))
            return False
        if follower is not None:
            follower.hand_over(self._follow)
        warn_of_single(self.config.loaded.handlers, self.live.current)
        if self.live.is_awaited:
            logger.warning("settings_awaited", extra={"queue": self.keys.queue})
        self.is_ready, self._is_begun = not self.live.is_awaited, True
        extra = {
            "queue": self.keys.queue,
            "worker_id": self.id,
            "generation": self.live.generation,
        }
        logger.info("worker_started", extra=extra)
        bus.publish(WorkerStarted(self.keys.queue, self.id))
        return True

    def _follow(self, record: SettingsRecord | None) -> None:
        """Obey a new settings record; without one any more, go on with what is in force."""
        had_one = self.live.record is not None
        changed = self.live.obey(record)
        if self._is_begun and not self._stopping.is_set():
            self.is_ready = not self.live.is_awaited
        if record is not None or changed:
            report.say_settings(self.keys.queue, self.live, changed)
        if record is None and had_one:
            logger.warning("settings_gone", extra={"queue": self.keys.queue})

    def _found_stuck(self) -> None:
        """Leave: every place is taken for good, and a new process has free ones."""
        self.is_stuck = True
        logger.error("worker_stuck", extra={"queue": self.keys.queue, "worker_id": self.id})
        self.stop()

    def _record(self) -> dict[str, Any]:
        parts = self._parts
        lanes = parts.lanes if parts is not None else []
        handlers = sorted(self.config.loaded.handlers)
        return {
            **report.record(self.live, self._basis.demand, lanes, handlers),
            "started": round(self._started_at, 3),
            "stopping": self._stopping.is_set(),
            "paused": self.live.is_paused or (parts is not None and parts.pauses.is_paused),
            "limit_in_force": None if parts is None else parts.limiter.shown(),
            "pause_seen": parts.pauses.seen if parts is not None else "",
            **self.config.labels,
        }
