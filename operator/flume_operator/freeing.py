"""Frees the queues of Pipelines that are gone, or have moved to another Redis or key prefix.

Nothing waits for it: a Redis that was left may be gone for good.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from flume.control import Counts
from flume.errors import FlumeError
from flume.manifest import Manifest
from flume_operator.errors import CredentialsError, OperatorError
from flume_operator.moving import Moves, Place
from flume_operator.objects import Pipeline
from flume_operator.settings_sync import SettingsSync
from flume_operator.telling import Told
from flume_operator.workqueue import WorkQueue

AGAIN_S = 15.0
"""Between two tries to free a queue that was left."""
GIVEN_UP_S = 600.0
"""After which it is tried no more: most Redis servers that are left are taken away."""

logger = logging.getLogger("flume_operator.freeing")


class Said(StrEnum):
    """Reasons of the Events about a queue that was left."""

    LEFT = "QueueLeft"
    NOT_FREED = "QueueNotFreed"


@dataclass(eq=False, slots=True)
class _Held:
    """A queue that is to be freed."""

    pipeline: Pipeline
    left: Place | None
    """Where the Pipeline was, and is no more; None: it is gone."""
    since: float
    is_told: bool = False

    @property
    def queue(self) -> str:
        return str(self.pipeline.spec.get("queue"))

    def __str__(self) -> str:
        return str(self.pipeline.key)


class Freer:
    """Frees queues while this process leads.

    Args:
        settings: Of the queues.
        moves: Where each Pipeline is now.
        manifest: Returns a Pipeline as a manifest; None where it is not valid.
        tell: Says something to people.
        freed: Called with the name of a queue that another Pipeline may have now.
    """

    def __init__(
        self,
        settings: SettingsSync,
        moves: Moves,
        *,
        manifest: Callable[[Pipeline], Manifest | None],
        tell: Callable[[Pipeline, Told], None],
        freed: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._moves = moves
        self._manifest = manifest
        self._tell = tell
        self._freed = freed
        self._queue: WorkQueue[_Held] | None = None

    def gone(self, pipeline: Pipeline) -> None:
        """Free the queue of a Pipeline that is gone."""
        self._moves.forget(pipeline.uid)
        self._free(pipeline, None)

    def left(self, pipeline: Pipeline, place: Place) -> None:
        """Free the queue that a Pipeline had at a place which it has left."""
        self._free(pipeline, place)

    async def run(self, stopping: asyncio.Event) -> None:
        """Free until ``stopping`` is set; what is still held then is found by who wants it."""
        self._queue = WorkQueue(self._work, workers=2)
        try:
            await self._queue.run(stopping)
        finally:
            self._queue = None

    def _free(self, pipeline: Pipeline, place: Place | None) -> None:
        if self._queue is not None:
            now = asyncio.get_running_loop().time()
            self._queue.wake(_Held(pipeline, place, now))

    async def _work(self, held: _Held) -> float | None:
        if held.left is None:
            await self._release(held.pipeline)
        else:
            try:
                await self._leave(held, await self._settings.resolved(held.left))
            except (FlumeError, OperatorError) as error:
                return self._again_s(held, held.left, error)
        self._freed(held.queue)
        return None

    async def _release(self, pipeline: Pipeline) -> None:
        manifest = self._manifest(pipeline)
        if manifest is not None:
            try:
                await self._settings.release(pipeline, manifest)
            except CredentialsError:
                pass  # the Secret went with it; whoever wants the queue finds the Pipeline gone

    async def _leave(self, held: _Held, place: Place) -> None:
        if self._moves.is_at(held.pipeline.uid, place):  # it came back, or the Secret was renamed
            return
        async with self._settings.at(place) as control:
            counts = (await control.look(held.queue)).counts
            was_own = await control.leave(held.queue, held.pipeline.uid)
        if was_own:
            jobs = _left_jobs(counts)
            extra = {
                "pipeline": str(held),
                "queue": held.queue,
                "place": place.where,
                "jobs": jobs,
                "dead": counts.dead,
            }
            logger.info("queue_left", extra=extra)
            self._tell(held.pipeline, _left(held.queue, place, jobs, counts.dead))

    def _again_s(self, held: _Held, place: Place, error: Exception) -> float | None:
        """Say that a queue is not freed; return after how many seconds to try again, if so."""
        is_late = asyncio.get_running_loop().time() - held.since > GIVEN_UP_S
        if is_late or not held.is_told:
            extra = {
                "pipeline": str(held),
                "queue": held.queue,
                "place": place.where,
                "given_up": is_late,
                "error": str(error),
            }
            logger.warning("queue_not_freed", extra=extra)
        if not held.is_told:
            held.is_told = True
            self._tell(held.pipeline, _not_freed(held.queue, place, error))
        return None if is_late else AGAIN_S


def _left_jobs(counts: Counts) -> int:
    return counts.ready + counts.scheduled + counts.retrying + counts.running


def _left(queue: str, place: Place, jobs: int, dead: int) -> Told:
    note = f"This Pipeline has moved away from {place.where}. Its queue {queue} is free there"
    if not jobs and not dead:
        return Told(False, Said.LEFT, "Free", f"{note}, and no job is left in it.")
    left = f"{jobs} job{'s' * (jobs != 1)}" + (f" and {dead} dead" if dead else "")
    note += (
        f", and {left} {'is' if jobs + dead == 1 else 'are'} left in it, which its workers run no "
        "more: make a Pipeline for it there, or purge it."
    )
    return Told(True, Said.LEFT, "Free", note)


def _not_freed(queue: str, place: Place, error: Exception) -> Told:
    note = (
        f"This Pipeline has moved away from {place.where}. Its queue {queue} could not be freed "
        f"there, which is tried for {GIVEN_UP_S / 60:.0f} minutes: {error} Until it is, no other "
        "Pipeline can have it; jobs that are left there do not run."
    )
    return Told(True, Said.NOT_FREED, "Free", note)
