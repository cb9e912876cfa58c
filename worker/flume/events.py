"""What happens in a worker, as values that an app can subscribe to.

``docs/reference/events.md`` lists them; a test holds the two together.
Subscribers are called where the thing happens, in the worker's event loop unless the event says
otherwise, and must be quick; an error of theirs is logged and changes nothing.
An event holds neither the arguments of a job nor its headers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flume.origin import place_of

E = TypeVar("E", bound="Event")

logger = logging.getLogger("flume.events")


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""

    queue: str


@dataclass(frozen=True, slots=True)
class WorkerStarted(Event):
    """A worker has registered and begins to claim."""

    worker_id: str


@dataclass(frozen=True, slots=True)
class WorkerStopped(Event):
    """A worker has stopped, with what it gave back unrun."""

    worker_id: str
    released: int


@dataclass(frozen=True, slots=True)
class JobsClaimed(Event):
    """A claim returned jobs."""

    count: int
    payload_bytes: int
    claim_s: float
    """How long the call took."""
    waited_s: float
    """How long the first of the jobs had been ready."""


@dataclass(frozen=True, slots=True)
class TokensTaken(Event):
    """A worker took tokens of a rate limit: as many jobs may start."""

    key: str
    """Of the limit; ``@`` and the queue's name where it is shared with no other."""
    count: int
    at_ms: int
    """From when on, by Redis' clock; ms since 1970.  Up to 25 ms after they were taken."""


@dataclass(frozen=True, slots=True)
class TokensReturned(Event):
    """Tokens started no job and were given back."""

    key: str
    count: int
    at_ms: int
    """From when on they could have been used."""


@dataclass(frozen=True, slots=True)
class JobEvent(Event):
    """Base of what happens to one job."""

    job_id: str
    handler: str
    attempt: int


@dataclass(frozen=True, slots=True)
class JobStarted(JobEvent):
    """A handler is about to be called (a sync one: in its own thread)."""


@dataclass(frozen=True, slots=True)
class JobCompleted(JobEvent):
    """A handler returned."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class JobRetried(JobEvent):
    """A handler failed, and the job runs again after a wait."""

    duration_s: float
    after_s: float
    error: BaseException = field(repr=False)


@dataclass(frozen=True, slots=True)
class JobBuried(JobEvent):
    """A job was given up and is in the dead-letter queue."""

    duration_s: float
    error: BaseException = field(repr=False)


@dataclass(frozen=True, slots=True)
class JobDiscarded(JobEvent):
    """A handler dropped its job."""

    duration_s: float
    error: BaseException = field(repr=False)


@dataclass(frozen=True, slots=True)
class JobReleased(JobEvent):
    """A job was given back before its end; nothing was charged."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class LeaseLost(Event):
    """Jobs are held by another worker now, or were cancelled; they are stopped here."""

    job_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobsReclaimed(Event):
    """Leases of a worker that went silent have ended (heartbeat thread)."""

    charged: tuple[str, ...]
    released: tuple[str, ...]
    buried: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PipelinePaused(Event):
    """This worker has learned of a pause that holds for it; once for each source."""

    source: str
    """``spec``, ``client``, ``all``, or ``worker:`` and this worker's id."""
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class PipelineResumed(Event):
    """This worker has learned that a pause was taken away or is over; others may still hold."""

    source: str
    is_paused: bool
    """Another source still holds."""


@dataclass(frozen=True, slots=True)
class RedisAway(Event):
    """Redis does not answer; said once, until it is back."""


@dataclass(frozen=True, slots=True)
class RedisBack(Event):
    """Redis answers again."""

    away_s: float


class Bus:
    """Who wants which events.  Publishing what nobody wants costs one dict look-up."""

    def __init__(self) -> None:
        self._subscribers: dict[type[Event], list[Callable[[Any], None]]] = {}

    def subscribe(self, kind: type[E], subscriber: Callable[[E], None]) -> Callable[[], None]:
        """Call ``subscriber`` with each event of ``kind`` and its subclasses.

        Returns:
            A function that ends the subscription.
        """
        kinds = [kind, *_below(kind)]
        for each in kinds:
            self._subscribers.setdefault(each, []).append(subscriber)

        def unsubscribe() -> None:
            for each in kinds:
                left = [one for one in self._subscribers[each] if one is not subscriber]
                self._subscribers[each] = left
                if not left:
                    del self._subscribers[each]

        return unsubscribe

    def wants(self, kind: type[Event]) -> bool:
        """Whether anybody listens, so that an event nobody wants is not even made."""
        return kind in self._subscribers

    def publish(self, event: Event) -> None:
        """Call the subscribers of this event, in the order in which they subscribed."""
        for subscriber in tuple(self._subscribers.get(type(event), ())):
            try:
                subscriber(event)
            except Exception as error:
                extra = {"subscribed_to": type(event).__name__, "queue": event.queue}
                # Not the error's text: it may repeat what a job was about.
                extra |= {"error_type": type(error).__name__, "where": place_of(error)}
                logger.error("subscriber_failed", extra=extra)


def _below(kind: type[E]) -> list[type[E]]:
    found = []
    for child in kind.__subclasses__():
        found += [child, *_below(child)]
    return found


bus = Bus()
"""The events of all workers in this process."""

subscribe = bus.subscribe
