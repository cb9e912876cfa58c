"""Writes Kubernetes Events, which ``kubectl describe`` shows below a Pipeline.

What is said again is counted in the Event that is there (``series`` has the rules), also after a
restart and by the next leader, because an Event's name comes from what it says.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from flume_operator.api import Api
from flume_operator.clocks import stamp, steady
from flume_operator.errors import (
    ApiError,
    ConflictError,
    MissingError,
    NotLeaderError,
    UnavailableError,
)
from flume_operator.objects import Key
from flume_operator.series import About, Event, Kind, SeriesTable, clipped

CONTROLLER = "flume.dev/operator"
LONGEST_INSTANCE = 128
"""Kubernetes refuses a longer name of who says it."""
CALL_S = 5.0
AGAIN_S = 5.0
"""Seconds until Events are written again when the API server was not there."""
SPACING_S = 0.02
"""Between two writes: 500 Pipelines whose Redis is gone are no flood."""
LONGEST_WAIT_S = 3600.0
LAST_WORDS_S = 2.0
"""For what is not yet written when the operator stops."""

logger = logging.getLogger("flume_operator.events")


class Recorder:
    """Says what a person would want to know.

    Args:
        api: Of the cluster.
        instance: Name of this process.
        clock: Seconds that never go back.
    """

    def __init__(self, api: Api, *, instance: str, clock: Callable[[], float] = steady) -> None:
        self._api = api
        self._instance = instance[:LONGEST_INSTANCE]
        self._clock = clock
        self._table = SeriesTable()
        self._said = asyncio.Event()
        self._complaints: set[int] = set()
        self.written = 0
        """Calls that wrote an Event."""

    @property
    def dropped(self) -> int:
        """Events that the API server refused, or that found no room."""
        return self._table.dropped

    def say(self, about: About, kind: Kind, reason: str, *, action: str, note: str) -> None:
        """Let an Event be written soon; waits for nothing."""
        event = Event(about, kind, reason, action, clipped(note))
        self._table.say(event, now=self._clock(), at=stamp())
        self._said.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Write until ``stopping`` is set, and then what is left, for a moment."""
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._write())
            await stopping.wait()
            writing.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self._write_due()

    async def _write(self) -> None:
        while True:
            self._said.clear()
            wait_s = self._table.next_due_s(self._clock())
            if wait_s <= 0 and not await self._write_due():
                await asyncio.sleep(AGAIN_S)
            elif wait_s > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._said.wait(), min(wait_s, LONGEST_WAIT_S))

    async def _write_due(self) -> bool:
        """Write what is due; return False where the API server was not there."""
        for event in self._table.due(self._clock()):
            try:
                async with asyncio.timeout(CALL_S):
                    await self._write_one(event)
            except (UnavailableError, TimeoutError):
                return False
            except NotLeaderError:  # whoever leads says it, where it still holds
                self._table.drop(event)
            except ApiError as error:
                self._refused(event, error)
            await asyncio.sleep(SPACING_S)
        return True

    async def _write_one(self, event: Event) -> None:
        series = self._table[event]
        pending, count = series.pending, series.written + series.pending
        if not (series.written and await self._counted(event, count)):
            count = await self._created_or_counted(event, pending)
        self._table.wrote(event, pending=pending, count=count, now=self._clock())
        self.written += 1
        self._complaints.clear()

    async def _created_or_counted(self, event: Event, pending: int) -> int:
        """Create the Event, or count on in the one that is there; return the new count."""
        try:
            await self._api.create(self._body(event, pending))
            return pending
        except ConflictError:  # said before a restart, or by the last leader
            # Changes nothing and answers with the Event: a right to read them is not needed.
            found = await self._api.merge("Event", _key(event), {})
        count = int((found.get("series") or {}).get("count") or 1) + pending
        await self._counted(event, count)
        return count

    async def _counted(self, event: Event, count: int) -> bool:
        """Set the count of an Event; return False where the cluster has forgotten it."""
        try:
            await self._api.merge("Event", _key(event), {"series": self._series(event, count)})
        except MissingError:
            return False
        return True

    def _body(self, event: Event, count: int) -> dict[str, Any]:
        about = event.about
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": event.name, "namespace": about.namespace},
            "regarding": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
            },
            "type": event.kind.value,
            "reason": event.reason,
            "action": event.action,
            "note": event.note,
            "eventTime": stamp(),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
        }
        return body | ({"series": self._series(event, count)} if count > 1 else {})

    def _series(self, event: Event, count: int) -> dict[str, Any]:
        return {"count": count, "lastObservedTime": self._table[event].last}

    def _refused(self, event: Event, error: ApiError) -> None:
        """Drop what the API server does not take, such as for a namespace that ends."""
        self._table.drop(event)
        if error.status not in self._complaints:
            self._complaints.add(error.status)
            extra = {"reason": event.reason, "error": str(error)}
            logger.warning("event_refused", extra=extra)


def _key(event: Event) -> Key:
    return Key(event.about.namespace, event.name)
