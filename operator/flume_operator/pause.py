"""The fast path of a pause: from what the watch heard straight to Redis.

It waits for no reconcile, validates nothing but what it needs, and has connections of its own, so
that nothing that hangs elsewhere holds it up.  ``configure.lua`` keeps what it said from being
undone by a reconcile of an earlier generation.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from flume import FlumeError
from flume.control import Owner
from flume.errors import ServerUnavailableError
from flume.manifest.operations import SecretRef
from flume_operator.controls import Controls
from flume_operator.errors import OperatorError, UnavailableError
from flume_operator.objects import Key, Pipeline

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 2.0
"""Between two tries: once Redis is back, a pause that was asked for meanwhile binds soon."""
TRIES = 3
"""With an error that no waiting mends; then the reconcile says what is wrong, and tries on."""
AT_ONCE = 64
"""Pauses on their way to one Redis: each is one call, and they share a connection."""

_SECRET = SecretRef()
"""Where the address of Redis is, unless a Pipeline says otherwise."""
_PASSING = (ServerUnavailableError, UnavailableError)

logger = logging.getLogger("flume_operator.pause")


class Addresses(Protocol):
    """Knows where each Redis is; ``Credentials`` does."""

    def remembered(self, secret: Key, key: str) -> str | None:
        """Return the address that was read last, however long ago; None: there is no good one."""
        ...

    async def url(self, secret: Key, key: str) -> str:
        """Return the address."""
        ...

    def doubt(self, secret: Key, key: str) -> None:
        """Read the address again soon."""
        ...


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a Pipeline says of its pause, and where; of its spec nothing else is read."""

    is_paused: bool
    queue: str
    prefix: str
    secret: Key
    secret_key: str


def _uncounted(_outcome: str, _seconds: float) -> None:
    pass


class PauseLine:
    """Carries pauses to Redis.

    Args:
        addresses: Where each Redis is.
        owner: Who writes for a Pipeline.
        prefix_of: Start of a Pipeline's keys.
        count: Told ``done`` or ``failed`` for each call, and the seconds since it was heard of.
        rng: Spreads tries.
    """

    def __init__(
        self,
        addresses: Addresses,
        owner: Callable[[Pipeline], Owner],
        prefix_of: Callable[[Pipeline], str],
        *,
        count: Callable[[str, float], None] = _uncounted,
        rng: Random | None = None,
    ) -> None:
        self._addresses = addresses
        self._owner = owner
        self._prefix_of = prefix_of
        self._count = count
        self._rng = rng or Random()
        self._controls = Controls(at_once=AT_ONCE)
        self._wishes: dict[Key, tuple[str, bool]] = {}
        self._waiting: dict[Key, tuple[Pipeline, float]] = {}
        self._underway: set[Key] = set()
        self._heard = asyncio.Event()
        self.is_running = False
        """Whether this process carries pauses: it leads."""

    @property
    def waiting(self) -> int:
        """How many Pipelines have a pause on its way."""
        return len(self._waiting)

    def changed(self, pipeline: Pipeline) -> None:
        """Take in a version of a Pipeline; waits for nothing.  Not heeded while nothing runs."""
        if not self.is_running:
            return
        key, wish = pipeline.key, (pipeline.uid, _is_paused(pipeline.spec))
        known = self._wishes.get(key)
        self._wishes[key] = wish
        if key in self._waiting:  # the newest generation carries it
            self._waiting[key] = (pipeline, self._waiting[key][1])
        elif wish != known and self._is_news(pipeline, is_first=known is None):
            self._waiting[key] = (pipeline, time.monotonic())
            self._heard.set()

    def forget(self, pipeline: Pipeline) -> None:
        """Drop what was known of a Pipeline that is gone."""
        known = self._wishes.get(pipeline.key)
        if known is not None and known[0] == pipeline.uid:
            del self._wishes[pipeline.key]
            self._waiting.pop(pipeline.key, None)

    async def run(self, stopping: asyncio.Event, known: Callable[[], Iterable[Pipeline]]) -> None:
        """Carry pauses until ``stopping`` is set, first those that no leader before has carried.

        Args:
            stopping: Ends it.
            known: Returns all Pipelines that were heard of until then.
        """
        self.is_running = True
        for pipeline in known():
            self.changed(pipeline)
        try:
            async with asyncio.TaskGroup() as tasks:
                carrying = tasks.create_task(self._carry_all())
                await stopping.wait()
                carrying.cancel()
        finally:
            self.is_running = False
            for each in (self._wishes, self._waiting, self._underway):
                each.clear()
            await self._controls.close()

    async def _carry_all(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._heard.clear()
                for key in self._waiting.keys() - self._underway:
                    self._underway.add(key)
                    tasks.create_task(self._carry(key))
                await self._heard.wait()

    @staticmethod
    def _is_news(pipeline: Pipeline, *, is_first: bool) -> bool:
        """Whether nobody has written yet what a Pipeline wants."""
        observed = pipeline.status.get("observedGeneration")
        if pipeline.deleted_ms is not None or observed == pipeline.generation:
            return False
        # A new Pipeline that is not paused is in no hurry.
        return not is_first or observed is not None or _is_paused(pipeline.spec)

    async def _carry(self, key: Key) -> None:
        """Write what one Pipeline wants, until it is written or is the reconcile's matter."""
        wait_s, tries, said = FIRST_WAIT_S, 0, ""
        while waiting := self._waiting.get(key):
            try:
                await self._write(*waiting)
            except Exception as error:
                tries = 0 if isinstance(error, _PASSING) else tries + 1
                self._count("failed", time.monotonic() - waiting[1])
                if str(error) != said:
                    said = str(error)
                    _complain(key, error)
                if tries < TRIES:
                    await asyncio.sleep(self._rng.uniform(wait_s / 2, wait_s))
                    wait_s = min(LONGEST_WAIT_S, wait_s * 2)
                    continue
            if self._waiting.get(key) is waiting:
                del self._waiting[key]
        self._underway.discard(key)

    async def _write(self, pipeline: Pipeline, since: float) -> None:
        wish = _read(pipeline, self._prefix_of(pipeline))
        if wish is None:  # no queue, or none that can be: the reconcile says what is wrong
            return
        url = self._addresses.remembered(wish.secret, wish.secret_key)
        if url is None:
            url = await self._addresses.url(wish.secret, wish.secret_key)
        try:
            async with self._controls.use(url, wish.prefix) as control:
                applied = await control.pause(
                    wish.queue, self._owner(pipeline), is_paused=wish.is_paused
                )
        except _PASSING:
            raise
        except FlumeError:  # such as a password that was changed
            self._addresses.doubt(wish.secret, wish.secret_key)
            raise
        took_s = time.monotonic() - since
        self._count("done", took_s)
        extra = {
            "pipeline": str(pipeline.key),
            "queue": wish.queue,
            "paused": wish.is_paused,
            "outcome": applied.write.name.lower(),
            "duration_s": round(took_s, 4),
        }
        logger.info("pause_written", extra=extra)


def _complain(key: Key, error: Exception) -> None:
    if isinstance(error, FlumeError | OperatorError):
        extra = {"pipeline": str(key), "error": str(error)}
        logger.warning("pause_not_written", extra=extra)
    else:
        logger.error("pause_crashed", extra={"pipeline": str(key)}, exc_info=error)


def _is_paused(spec: Mapping[str, Any]) -> bool:
    return spec.get("paused") is True


def _read(pipeline: Pipeline, prefix: str) -> _Wish | None:
    """Return what a Pipeline wants, from a spec that nobody has validated here."""
    spec = pipeline.spec
    ref = _mapping(_mapping(spec.get("redis")).get("secretRef"))
    queue, namespace = spec.get("queue"), pipeline.key.namespace
    if not isinstance(queue, str):
        return None
    return _Wish(
        is_paused=_is_paused(spec),
        queue=queue,
        prefix=prefix,
        secret=Key(namespace, str(ref.get("name") or _SECRET.name)),
        secret_key=str(ref.get("key") or _SECRET.key),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
