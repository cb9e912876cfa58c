"""What a worker knows of the pauses of its queue: says what changed, and acknowledges it.

That nothing is claimed in a pause is decided in Redis (``claim.lua``), whatever is known here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from flume.commands import pausing as commands
from flume.commands.command import text
from flume.commands.pausing import ALL
from flume.commands.worker import Beat
from flume.connection import SyncConnections
from flume.events import PipelinePaused, PipelineResumed, bus
from flume.keys import Keys, paused_key
from flume.pausing import PauseInfo, read_pause
from flume.runtime.nothing import nothing

ROUNDS = 3
"""Tries to make the queue what the record for all queues says, while that changes."""

UNREADABLE = "unreadable"
"""Source of all records together that nobody of ours wrote; ``flume pipelines`` shows each."""

logger = logging.getLogger("flume.worker")


class Claimer(Protocol):
    """Who claims: how many claims it has begun, and how many of them have ended."""

    begun: int
    finished: int


class Pauses:
    """The pauses of one worker's queue.

    ``beaten`` and ``give_back`` run in the heartbeat's thread, the rest in the event loop.

    Args:
        keys: Of the queue.
        connections: The heartbeat's.
        worker_id: Of the worker.
        fetchers: Whose claims must have ended before a change is acknowledged.
        in_loop: Calls a function in the event loop, from another thread.
        give_back: Gives back claimed jobs that wait for a place: in a pause all of them, else
            those that wait too long; returns how many still wait.
    """

    def __init__(
        self,
        keys: Keys,
        connections: SyncConnections,
        worker_id: str,
        fetchers: Sequence[Claimer],
        *,
        in_loop: Callable[[Callable[[], None]], None],
        give_back: Callable[[bool], int],
    ) -> None:
        self.is_paused = False
        """As of the last beat."""
        self.seen = ""
        """The last change that is acknowledged: what clients look for in the worker's record."""
        self.beat_soon: Callable[[], None] = nothing
        """Makes the heartbeat beat at once."""
        self._keys = keys
        self._connections = connections
        self._worker_id = worker_id
        self._fetchers = fetchers
        self._in_loop = in_loop
        self._give_back = give_back
        self._looked_at: tuple[str, bool] | None = None
        self._known: dict[str, PauseInfo] = {}
        self._pending: tuple[str, list[int]] | None = None
        self._settled = ""

    def beaten(self, beat: Beat) -> None:
        """Look what changed since the last beat; now and then, whether all queues are paused."""
        if beat.prune:
            adopt(self._connections, self._keys)
        state = (beat.change, beat.paused_ms != 0)
        self.is_paused = state[1]
        if state == self._looked_at:
            return
        reply = self._connections.call("HGETALL", self._keys.pause)
        self._looked_at = state
        infos = [
            read_pause(text(name), value, beat.now_ms)
            for name, value in zip(reply[::2], reply[1::2], strict=True)
        ]
        ours = [_as_known(i) for i in infos if i and i.worker in (None, self._worker_id)]
        known = {info.source: info for info in ours}
        self._in_loop(lambda: self._changed(beat.change, known))

    def give_back(self) -> int:
        """Give back what is not to start; in a pause that comes before its acknowledgement."""
        settled = self._settled
        waiting = self._give_back(self.is_paused)
        if settled != self.seen:
            self.seen = settled
            self.beat_soon()
        return waiting

    def check(self) -> None:
        """Acknowledge a change once no claim from before it is under way."""
        if self._pending is None:
            return
        change, begun = self._pending
        if all(f.finished >= count for f, count in zip(self._fetchers, begun, strict=True)):
            self._pending = None
            self._settled = change
            self.beat_soon()

    def _changed(self, change: str, known: dict[str, PauseInfo]) -> None:
        before, self._known = self._known, known
        for source, info in known.items():
            if before.get(source) != info:
                self._report_pause(info)
        for source in before.keys() - known.keys():
            self._report_resume(source)
        self._pending = (change, [fetcher.begun for fetcher in self._fetchers])
        self.check()

    def _report_pause(self, info: PauseInfo) -> None:
        extra = {
            "queue": self._keys.queue,
            "source": info.source,
            "reason": info.reason,
            "by": info.by,
            "until": info.until.isoformat(timespec="seconds") if info.until else None,
        }
        logger.info("pipeline_paused", extra=extra)
        bus.publish(PipelinePaused(self._keys.queue, info.source, info.reason, info.by))

    def _report_resume(self, source: str) -> None:
        is_paused = bool(self._known)
        extra = {"queue": self._keys.queue, "source": source, "still_paused": is_paused}
        logger.info("pipeline_resumed", extra=extra)
        bus.publish(PipelineResumed(self._keys.queue, source, is_paused))


def _as_known(info: PauseInfo) -> PauseInfo:
    """Return what is told of a pause: of any number that nobody can read, one."""
    return info if info.since is not None else PauseInfo(UNREADABLE, "", "", None, None)


def adopt(connections: SyncConnections, keys: Keys) -> None:
    """Make the queue paused, or not, as the record for all queues says.

    The record is in another slot, so it is read again afterwards: one that changed meanwhile may
    have been spread over the queues before this copy of it came.
    """
    for _ in range(ROUNDS):
        record = connections.call("HGET", paused_key(keys.prefix), ALL)
        connections.run(commands.adopt(keys, ALL, record or b""))
        if connections.call("HGET", paused_key(keys.prefix), ALL) == record:
            return
