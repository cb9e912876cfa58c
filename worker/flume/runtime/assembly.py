"""Puts the parts of a worker together; what starts and stops them is left to ``worker``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from flume.connection import SyncConnections
from flume.current import HeldJob
from flume.handler import Handler
from flume.keys import Keys
from flume.pipeline import PipelineSettings
from flume.runtime import report
from flume.runtime.allowance import Allowance
from flume.runtime.batch_lane import BatchLane
from flume.runtime.batcher import Batcher
from flume.runtime.beat import Heartbeat
from flume.runtime.completer import Completer
from flume.runtime.demand import Demand
from flume.runtime.extending import Extender
from flume.runtime.fetcher import Fetcher
from flume.runtime.following import Follower
from flume.runtime.identity import Identity, lease_ms
from flume.runtime.lane import Lane
from flume.runtime.lanes import make_lanes
from flume.runtime.limiter import Limiter
from flume.runtime.link import Link
from flume.runtime.live import LiveSettings
from flume.runtime.metrics import Metrics
from flume.runtime.pace import AHEAD_S, LIMITED_AHEAD_S
from flume.runtime.pauses import Pauses, adopt
from flume.runtime.registration import Registration
from flume.runtime.settler import Settler, report_lost
from flume.runtime.sweeper import LateJobs
from flume.settings_record import SettingsRecord


@dataclass(frozen=True, slots=True)
class Basis:
    """What a worker has before it runs."""

    keys: Keys
    handlers: Mapping[str, Handler[..., Any]]
    live: LiveSettings
    identity: Identity
    demand: Demand
    metrics: Metrics
    rng: Random


class Assembly:
    """The parts of a running worker.

    Args:
        basis: What the worker has.
        tasks: Of the worker.
        link: To Redis, for the event loop.
        beats: To Redis, for the heartbeat's thread.
        record: Makes what people see of the worker.
        on_settings: Told (in the event loop) of a new settings record; None leaves it unread.
    """

    def __init__(
        self,
        basis: Basis,
        tasks: asyncio.TaskGroup,
        link: Link,
        beats: SyncConnections,
        *,
        record: Callable[[], dict[str, Any]],
        on_settings: Callable[[SettingsRecord | None], None] | None,
    ) -> None:
        self._basis = basis
        self._loop = asyncio.get_running_loop()
        keys, demand, metrics, live = basis.keys, basis.demand, basis.metrics, basis.live
        self.completer = Completer(
            keys,
            link,
            spawn=tasks.create_task,
            on_refused=lambda job_ids: report_lost(metrics, job_ids),
        )
        self.settler = Settler(
            keys.queue, live.current, demand, self.completer, metrics, rng=basis.rng
        )
        self.limiter = Limiter(keys, link, metrics, spawn=tasks.create_task)
        demand.on_unused = self.limiter.unused
        self.lanes: list[Lane] = make_lanes(basis.handlers, live, self.settler.ended)
        self.fetchers: list[Fetcher] = []
        late = LateJobs(
            keys, beats, self.lanes, lambda jobs: self._soon(self.settler.gave_back, jobs)
        )
        self.pauses = Pauses(
            keys,
            beats,
            basis.identity.worker_id,
            self.fetchers,
            in_loop=self._soon,
            give_back=late.give_back,
        )
        self.registration = Registration(
            keys, beats, basis.identity, record, on_joining=lambda: adopt(beats, keys)
        )
        self.follower = None if on_settings is None else Follower(keys, beats, live)
        self.heartbeat = self._heartbeat(link, beats, record, on_settings)
        self.pauses.beat_soon = self.heartbeat.soon
        self.fetchers += [self._fetcher(lane, link, tasks.create_task) for lane in self.lanes]
        live.listeners.append(self._obey)
        self._limit(live.current)
        report.measure(metrics, demand, self.lanes, link)

    def _heartbeat(
        self,
        link: Link,
        beats: SyncConnections,
        record: Callable[[], dict[str, Any]],
        on_settings: Callable[[SettingsRecord | None], None] | None,
    ) -> Heartbeat:
        basis = self._basis
        return Heartbeat(
            basis.keys,
            beats,
            basis.identity,
            self.registration,
            basis.live,
            follower=self.follower,
            extender=Extender(
                basis.keys,
                beats,
                basis.demand,
                basis.identity,
                unstored=self.completer.unstored,
                on_lost=lambda jobs: self._soon(self._lose, jobs),
            ),
            record=record,
            was_away=lambda: _take_flag(link),
            on_settings=lambda found: self._soon(on_settings, found) if on_settings else None,
            on_reclaimed=lambda reclaimed: report.say_reclaimed(basis.metrics, reclaimed),
            on_late=self.pauses.give_back,
            on_beat=self.pauses.beaten,
        )

    def _fetcher(self, lane: Lane, link: Link, spawn: Callable[..., Any]) -> Fetcher:
        basis = self._basis
        kind = Fetcher
        if isinstance(lane, BatchLane):
            kind, lane.on_batch = Batcher, basis.metrics.batch_jobs.add
            lane.before_rerun = self.limiter.wait_for
            lane.on_completed = self.settler.completed
        lane.on_late = self.settler.release_late
        fetcher = kind(
            basis.keys,
            lane,
            basis.demand,
            basis.identity,
            link,
            allowance=Allowance(self.limiter, spawn=spawn),
            rng=basis.rng,
            spawn=spawn,
            on_claimed=basis.metrics.claimed,
        )
        fetcher.on_pass = self.pauses.check
        fetcher.on_paused = self.pauses.beat_soon
        return fetcher

    def _obey(self, settings: PipelineSettings) -> None:
        """Hand what is in force now to every part: they look at an attribute, not at a record."""
        basis = self._basis
        basis.identity.lease_ms = lease_ms(settings)
        self.settler.settings = settings
        self._limit(settings)
        for lane in self.lanes:
            lane.obey(settings)
        basis.demand.obey(settings.max_demand, holds_back=basis.live.holds_back)

    def _limit(self, settings: PipelineSettings) -> None:
        self.limiter.obey(settings.rate_limit, self._basis.live.generation)
        for lane in self.lanes:
            lane.pace.ahead_s = LIMITED_AHEAD_S if self.limiter.is_on else AHEAD_S

    def _lose(self, jobs: Sequence[HeldJob]) -> None:
        for job in self.settler.lose(jobs):
            for lane in self.lanes:
                if lane.running.get(job.id) is job:
                    lane.stop_job(job)

    def _soon(self, function: Callable[..., Any], *args: Any) -> None:
        """Call from another thread; a loop that is closed needs no news."""
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            pass


def _take_flag(link: Link) -> bool:
    was_away, link.was_away = link.was_away, False
    return was_away
