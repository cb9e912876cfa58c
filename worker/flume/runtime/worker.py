"""A worker of one queue: its parts put together, started in order and stopped in order."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import flume
from flume.commands import pausing
from flume.commands import worker as commands
from flume.commands.worker import Reclaimed
from flume.connection import AsyncConnections, SyncConnections
from flume.current import HeldJob
from flume.delivery.python import Loaded
from flume.errors import ConfigurationError, ForeignDataError, ServerError, ServerUnavailableError
from flume.events import JobsReclaimed, WorkerStarted, WorkerStopped, bus
from flume.keys import DEFAULT_PREFIX, Keys
from flume.pipeline import PipelineSettings
from flume.runtime.batch_lane import BatchLane
from flume.runtime.batcher import Batcher
from flume.runtime.beat import Heartbeat
from flume.runtime.completer import Completer
from flume.runtime.demand import Demand
from flume.runtime.ending import finish
from flume.runtime.fetcher import Fetcher
from flume.runtime.identity import Identity, new_worker_id
from flume.runtime.lane import Lane
from flume.runtime.lanes import make_lanes, warn_of_single
from flume.runtime.link import Link
from flume.runtime.metrics import Metrics
from flume.runtime.pauses import Pauses, adopt
from flume.runtime.settler import Settler, report_lost
from flume.runtime.sweeper import LateJobs, sweep
from flume.runtime.waiting import wait_for

DEFAULT_GRACE_S = 50.0
"""Seconds to finish what runs after a stop: a pod's default grace of 60 s less what follows:
1 for cancelled handlers, 3 for outcomes, 1.5 for the heartbeat, 3 to deregister, at the most."""
BEAT_TIMEOUT_S = 5.0
"""Longest time for a call of the heartbeat, where leases are long."""
LEAVE_S = 3.0
"""Seconds for the last call, which takes the worker's record."""

logger = logging.getLogger("flume.worker")


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker is started with."""

    settings: PipelineSettings
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
    labels: dict[str, str] = field(default_factory=dict)
    """Shown with the worker, such as the name of its pod."""


class Worker:
    """Claims and runs the jobs of one queue until it is stopped.

    Args:
        config: What it is started with.
    """

    def __init__(self, config: WorkerConfig) -> None:
        self.config = config
        settings = config.settings
        self.keys = Keys(settings.queue, config.prefix)
        self.metrics = Metrics(settings.queue, config.pipeline or settings.queue)
        self.is_ready = False
        """It has registered and claims."""
        self.is_stuck = False
        """Every place is taken by a handler that was given up and does not return."""
        self._identity = Identity(new_worker_id(), round(settings.lease_s * 1000))
        self._rng = Random(config.seed)
        self._started_at = time.time()
        self._stopping = asyncio.Event()
        self._was_asked = False
        self._grace_s = config.grace_s
        self._demand = Demand(settings.max_demand)
        self._lanes: list[Lane] = []
        self._fetchers: list[Fetcher] = []
        self._pauses: Pauses | None = None
        self._link: Link | None = None

    @property
    def id(self) -> str:
        """The worker's id, new for each start."""
        return self._identity.worker_id

    def stop(self) -> None:
        """Stop in order: claim no more, finish what runs within the grace, release the rest.

        From a signal handler or another thread use ``stop_soon``.
        """
        self.is_ready = False
        self._stopping.set()
        for fetcher in self._fetchers:
            fetcher.stop()

    def stop_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop, from a signal handler or another thread; a second call gives up the grace."""
        self.is_ready = False
        for fetcher in self._fetchers:
            fetcher.stopping.set()  # at once, also while a handler blocks the loop
        if self._was_asked:
            self._grace_s = 0.0
        self._was_asked = True
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
        beats = SyncConnections(self.config.url, timeout=_beat_timeout(self.config.settings))
        connections.shift_ms = beats.shift_ms = self.config.shift_ms
        link = Link(self.keys.queue, connections, rng=self._rng)
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._serve(tasks, link, beats)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group  # one cause: the rest was cancelled for it
        finally:
            self.is_ready = False
            for lane in self._lanes:
                lane.close()
            await connections.close()
            beats.close()

    def _assemble(
        self, tasks: asyncio.TaskGroup, link: Link, beats: SyncConnections
    ) -> tuple[Completer, Settler, Heartbeat]:
        """Make the parts and join them: fetchers, lanes, settler, completer, heartbeat."""
        loop = asyncio.get_running_loop()
        self._link = link
        completer = Completer(
            self.keys,
            link,
            spawn=tasks.create_task,
            on_refused=lambda job_ids: report_lost(self.metrics, job_ids),
        )
        settler = Settler(
            self.keys.queue,
            self.config.settings,
            self._demand,
            completer,
            self.metrics,
            rng=self._rng,
        )
        self._lanes = make_lanes(self.config.loaded.handlers, self.config.settings, settler.ended)
        late = LateJobs(
            self.keys, beats, self._lanes, lambda jobs: _in_loop(loop, settler.gave_back, jobs)
        )
        self._pauses = pauses = Pauses(
            self.keys,
            beats,
            self.id,
            self._fetchers,
            in_loop=lambda function: _in_loop(loop, function),
            give_back=late.give_back,
        )
        heartbeat = Heartbeat(
            self.keys,
            beats,
            self._demand,
            self._identity,
            self.config.settings,
            record=self._record,
            was_away=lambda: _take_flag(link),
            unstored=completer.unstored,
            on_lost=lambda jobs: _in_loop(loop, self._lose, settler, jobs),
            on_reclaimed=self._reclaimed,
            on_late=pauses.give_back,
            on_beat=pauses.beaten,
            on_joining=lambda: adopt(beats, self.keys),
        )
        pauses.beat_soon = heartbeat.soon
        self._make_fetchers(tasks.create_task, link, pauses)
        self._measure(link)
        return completer, settler, heartbeat

    async def _serve(self, tasks: asyncio.TaskGroup, link: Link, beats: SyncConnections) -> None:
        completer, settler, heartbeat = self._assemble(tasks, link, beats)
        await self._register(link, heartbeat)
        if self._stopping.is_set():
            if self._identity.number >= 0:  # it was stopped while it registered
                await self._leave(link)
            return
        warn_of_single(self.config.loaded.handlers, self.config.settings)
        heartbeat.start()
        self.is_ready = True
        logger.info("worker_started", extra={"queue": self.keys.queue, "worker_id": self.id})
        bus.publish(WorkerStarted(self.keys.queue, self.id))
        sweeper = tasks.create_task(sweep(self._lanes, self._found_stuck))
        runs = [tasks.create_task(fetcher.run()) for fetcher in self._fetchers]
        try:
            await self._stopping.wait()
            await finish(
                self.keys.queue,
                self._lanes,
                runs,
                demand=self._demand,
                settler=settler,
                completer=completer,
                grace_s=lambda: self._grace_s,
            )
        finally:
            self.is_ready = False
            sweeper.cancel()
            heartbeat.stop()
        await self._leave(link)
        extra = {"queue": self.keys.queue, "worker_id": self.id, "released": settler.released}
        logger.info("worker_stopped", extra=extra)
        bus.publish(WorkerStopped(self.keys.queue, self.id, settler.released))

    def _make_fetchers(self, spawn: Callable[..., Any], link: Link, pauses: Pauses) -> None:
        for lane in self._lanes:
            kind = Fetcher
            if isinstance(lane, BatchLane):
                kind, lane.on_batch = Batcher, self.metrics.batch_jobs.add
            fetcher = kind(
                self.keys,
                lane,
                self._demand,
                self._identity,
                link,
                rng=self._rng,
                spawn=spawn,
                on_claimed=self.metrics.claimed,
            )
            fetcher.on_pass = pauses.check
            fetcher.on_paused = pauses.beat_soon
            self._fetchers.append(fetcher)

    async def _register(self, link: Link, heartbeat: Heartbeat) -> None:
        """Ask for a number, for as long as Redis is away or a key holds foreign data."""
        wait, refusal = 0.1, ""
        while not self._stopping.is_set():
            try:
                await asyncio.to_thread(heartbeat.register)
            except ServerUnavailableError as error:
                link.failed(error)
            except ForeignDataError as error:  # to end would be to crash again and again
                if str(error) != refusal:
                    refusal = str(error)
                    extra = {"queue": self.keys.queue, "reason": refusal}
                    logger.error("worker_not_registered", extra=extra)
            else:
                link.answered()
                return
            await wait_for(self._stopping, self._rng.uniform(wait / 2, wait))
            wait = min(1.0, wait * 2)

    async def _leave(self, link: Link) -> None:
        names = sorted(self.config.loaded.handlers)
        command = commands.deregister(self.keys, self._identity.number, self.id, names)
        try:
            await link.connections.run(command, timeout=LEAVE_S)
        except ServerError:
            logger.warning("worker_not_deregistered", extra={"queue": self.keys.queue})

    def _lose(self, settler: Settler, jobs: Sequence[HeldJob]) -> None:
        for job in settler.lose(jobs):
            for lane in self._lanes:
                if lane.running.get(job.id) is job:
                    lane.stop_job(job)

    def _reclaimed(self, reclaimed: Reclaimed) -> None:
        self.metrics.reclaimed += reclaimed.seen
        extra = {
            "queue": self.keys.queue,
            "charged": len(reclaimed.charged),
            "released": len(reclaimed.released),
            "buried": len(reclaimed.buried),
            "job_ids": (reclaimed.charged + reclaimed.released + reclaimed.buried)[:10],
        }
        logger.warning("jobs_reclaimed", extra=extra)
        charged, released = tuple(reclaimed.charged), tuple(reclaimed.released)
        event = JobsReclaimed(self.keys.queue, charged, released, tuple(reclaimed.buried))
        bus.publish(event)

    def _found_stuck(self) -> None:
        """Leave: every place is taken for good, and a new process has free ones."""
        self.is_stuck = True
        logger.error("worker_stuck", extra={"queue": self.keys.queue, "worker_id": self.id})
        self.stop()

    def _measure(self, link: Link) -> None:
        self.metrics.held = lambda: len(self._demand.held)
        self.metrics.running = lambda: sum(lane.busy() for lane in self._lanes)
        self.metrics.is_away = lambda: link.is_away

    def _record(self) -> dict[str, Any]:
        settings = self.config.settings
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "version": flume.__version__,
            "python": platform.python_version(),
            "started": round(self._started_at, 3),
            "held": len(self._demand.held),
            "running": sum(lane.busy() for lane in self._lanes),
            "max_demand": settings.max_demand,
            "concurrency": sum(lane.places for lane in self._lanes),
            "handlers": sorted(self.config.loaded.handlers),
            "stopping": self._stopping.is_set(),
            "paused": self._pauses is not None and self._pauses.is_paused,
            "pause_seen": self._pauses.seen if self._pauses is not None else "",
            **self.config.labels,
        }


def _beat_timeout(settings: PipelineSettings) -> float:
    """Return how long a call of the heartbeat may take, in s.

    A lease is extended once a third of it is used up.  Another third for a connection that is
    stuck leaves the last one for the call over a new connection.
    """
    return min(BEAT_TIMEOUT_S, max(1.0, settings.lease_s / 3))


def _take_flag(link: Link) -> bool:
    was_away, link.was_away = link.was_away, False
    return was_away


def _in_loop(loop: asyncio.AbstractEventLoop, function: Callable[..., Any], *args: Any) -> None:
    """Call from another thread; a loop that is closed needs no news."""
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:
        pass
