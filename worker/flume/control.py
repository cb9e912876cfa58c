"""What a controller does with queues in Redis: puts manifests in force, pauses, looks, cleans up.

The operator's side of Redis.  Its calls are not repeated here: a controller comes back by itself,
and everything it sends can be sent again.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from flume import configuring
from flume.commands.client import Counts, HandlerDepth, Write
from flume.configuring import Applied, IsGone, Seen
from flume.connection import AsyncConnections, address
from flume.driving import Operation, drive_async
from flume.keys import DEFAULT_PREFIX, Keys, check_prefix, check_queue
from flume.operations import WorkerInfo, queue_names
from flume.pausing import PauseInfo
from flume.settings_record import Owner, SettingsRecord

if TYPE_CHECKING:
    from flume.manifest import Manifest

__all__ = [
    "Applied",
    "Control",
    "Counts",
    "HandlerDepth",
    "IsGone",
    "Owner",
    "PauseInfo",
    "Seen",
    "SettingsRecord",
    "WorkerInfo",
    "Write",
    "address",
]

T = TypeVar("T")


def _nobody(_holder: Owner) -> bool:
    return False


class Control:
    """The queues under one key prefix of one Redis, for one event loop.

    Calls go over one connection, which opens at the first call and again after it broke.

    Args:
        url: Where Redis is.
        prefix: Start of all keys.
        timeout: Seconds until a reply must have come.

    Raises:
        ConfigurationError: If the URL cannot be one of Redis', or the timeout is none.
        NameRefusedError: If the prefix cannot start our keys.
    """

    def __init__(
        self, url: str | None = None, prefix: str = DEFAULT_PREFIX, *, timeout: float = 5.0
    ) -> None:
        self.prefix = check_prefix(prefix)
        self._connections = AsyncConnections(url, timeout=timeout)
        self.where = address(self._connections.url)
        """The URL for people, without user and password."""

    async def __aenter__(self) -> Control:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._connections.close()

    async def apply(
        self, manifest: Manifest, owner: Owner, *, is_gone: IsGone = _nobody
    ) -> Applied:
        """Put settings, pause and rate limit of a manifest in force.

        Each only where it differs, so that this may be called at any time.  An older owner keeps
        its queue, and of one owner a newer generation what it says: ``Applied.write`` tells.

        Args:
            manifest: What the owner wants.
            owner: Whose it is.
            is_gone: Whether another owner, which holds the queue, is known to be gone: then it is
                replaced, and obeyed no more should a late call of it come.  Owners of ``flume dev``
                always are.

        Raises:
            ServerError: If Redis did not do it; some of it may be in force.
        """
        settings = manifest.settings()
        keys = self._keys(settings.queue)
        operation = configuring.apply(keys, settings, owner, is_gone, place=self.where)
        return await self._drive(operation)

    async def pause(
        self, queue: str, owner: Owner, *, is_paused: bool, is_gone: IsGone = _nobody
    ) -> Applied:
        """Pause or resume as a manifest says, ahead of the rest of it: one call to Redis.

        The pause binds when this returns.  Other sources of a pause are left as they are, and an
        ``apply`` of an older generation no longer changes it.

        Raises:
            ServerError: If Redis did not do it.
        """
        operation = configuring.pause(self._keys(queue), owner, is_gone, is_paused=is_paused)
        return await self._drive(operation)

    async def release(self, queue: str, uid: str) -> bool:
        """Take away settings, pause and rate limit of an owner that is gone; return if it had any.

        What another owner has put in force is left alone.  Late calls of this one are not obeyed.

        Args:
            queue: That it had.
            uid: Of the owner.

        Raises:
            ServerError: If Redis did not do it.
        """
        return await self._drive(configuring.release(self._keys(queue), uid, is_gone=True))

    async def leave(self, queue: str, uid: str) -> bool:
        """The same for an owner that has moved to another address or prefix, and may come back.

        Where the other address is one of this same Redis, it has its queue by that one: nothing is
        taken away then.

        Args:
            queue: That it had.
            uid: Of the owner.

        Raises:
            ServerError: If Redis did not do it.
        """
        keys = self._keys(queue)
        return await self._drive(configuring.release(keys, uid, is_gone=False, place=self.where))

    async def look(self, queue: str) -> Seen:
        """Return settings, pauses, live workers and depths of a queue.

        Raises:
            ServerError: If Redis did not tell.
        """
        return await self._drive(configuring.look(self._keys(queue)))

    async def purge(self, queue: str) -> int:
        """Delete every job of a queue, running ones too; return how many.

        Raises:
            ServerError: If Redis did not do it; some of them may be deleted.
        """
        return await self._drive(configuring.purge(self._keys(queue)))

    async def queues(self) -> list[str]:
        """Return every queue under the prefix.

        Raises:
            ServerError: If Redis did not tell.
        """
        return await self._drive(queue_names(self.prefix))

    def _keys(self, queue: str) -> Keys:
        return Keys(check_queue(queue), self.prefix)

    async def _drive(self, operation: Operation[T]) -> T:
        return await drive_async(operation, self._connections.run, self._connections.call)
