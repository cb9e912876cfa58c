"""How a worker comes to its number, and gives it back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec

from flume.commands import worker as commands
from flume.connection import SyncConnections
from flume.errors import (
    ForeignDataError,
    ServerError,
    ServerFullError,
    ServerRefusedError,
    ServerUnavailableError,
)
from flume.keys import Keys, queues_key
from flume.runtime.identity import Identity
from flume.runtime.link import Link
from flume.runtime.waiting import wait_for

LEAVE_S = 3.0
"""Seconds for the last call, which takes the worker's record."""

logger = logging.getLogger("flume.worker")


class Registration:
    """Registers a worker, at its start and where Redis has forgotten it.

    Args:
        keys: Of the queue.
        connections: The heartbeat's: it registers in its thread.
        identity: Gets the number.
        record: Makes what people see of this worker.
        on_joining: Called (in this thread) before it registers, once its queue is listed.
    """

    def __init__(
        self,
        keys: Keys,
        connections: SyncConnections,
        identity: Identity,
        record: Callable[[], dict[str, Any]],
        *,
        on_joining: Callable[[], None],
    ) -> None:
        self._keys = keys
        self._connections = connections
        self._identity = identity
        self._record = record
        self._on_joining = on_joining

    def register(self) -> None:
        """Ask for a number.

        Raises:
            ServerError: If none is free, or Redis cannot be reached.
        """
        keys, identity = self._keys, self._identity
        try:
            self._connections.call("SADD", queues_key(keys.prefix), keys.queue)
        except ServerFullError:
            pass  # whoever enqueued has added it, and a full Redis needs workers most
        self._on_joining()
        record = msgspec.json.encode(self._record())
        number = self._connections.run(commands.register(keys, identity.worker_id, record))
        if number < 0:
            raise ServerError(
                f"queue {keys.queue} has 2,048 workers, and a fence has no room for more. "
                "Use fewer replicas with a higher concurrency, or a second queue."
            )
        identity.number = number

    async def begin(
        self, link: Link, stopping: asyncio.Event, *, rng: Random, then: Callable[[], object]
    ) -> bool:
        """Register, for as long as Redis is away, a key holds foreign data, or a right is missing.

        Args:
            link: Told whether Redis answers.
            stopping: Ends the tries.
            rng: Spreads them over many workers.
            then: Called in the same thread right after it, and tried again with it.

        Returns:
            Whether it is registered and ``then`` was done.
        """
        wait, refusal = 0.1, ""
        while not stopping.is_set():
            try:
                await asyncio.to_thread(self._first, then)
            except ServerUnavailableError as error:
                link.failed(error)
            except (ForeignDataError, ServerRefusedError) as error:
                # To end would be to crash again and again.  But a person who has typed a URL sits
                # and waits for the answer.
                if isinstance(error, ServerRefusedError) and not link.connections.is_from_file:
                    raise
                if str(error) != refusal:
                    refusal = str(error)
                    extra = {"queue": self._keys.queue, "reason": refusal}
                    logger.error("worker_not_registered", extra=extra)
            else:
                link.answered()
                return True
            await wait_for(stopping, rng.uniform(wait / 2, wait))
            wait = min(1.0, wait * 2)
        return False

    def _first(self, then: Callable[[], object]) -> None:
        if self._identity.number < 0:
            self.register()
        then()

    async def end(self, link: Link, handlers: Sequence[str]) -> None:
        """Give the number back, where there is one."""
        identity = self._identity
        if identity.number < 0:
            return
        command = commands.deregister(self._keys, identity.number, identity.worker_id, handlers)
        try:
            await link.connections.run(command, timeout=LEAVE_S)
        except ServerError:
            logger.warning("worker_not_deregistered", extra={"queue": self._keys.queue})
