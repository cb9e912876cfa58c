"""A worker in the test's own event loop, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from flume import Handler, handler
from flume.async_queue import AsyncQueue
from flume.client import AsyncClient
from flume.commands.client import Counts
from flume.delivery.python import Loaded
from flume.keys import Keys
from flume.pipeline import PipelineSettings
from flume.runtime.worker import Worker, WorkerConfig
from tests.support.servers import Server
from tests.support.waiting import wait_until_async

QUEUE = "orders"


def named(name: str, function: Callable[..., Any], **options: Any) -> Handler[..., Any]:
    """Return ``function`` as the handler ``name``."""
    return handler(name=name, **options)(function)


class Stage:
    """A client of the queue and the means to run workers of it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.client = AsyncClient(server.url)
        self.queue: AsyncQueue = self.client.queue(QUEUE)

    def worker(
        self,
        *handlers: Handler[..., Any],
        lifespans: tuple[Any, ...] = (),
        grace_s: float = 5.0,
        queue: str = QUEUE,
        flags: dict[str, Any] | None = None,
        awaits_settings: bool = False,
        url: str | None = None,
        **settings: Any,
    ) -> Worker:
        """Return a worker of these handlers that has not started."""
        loaded = Loaded({item.name: item for item in handlers}, list(lifespans))
        config = WorkerConfig(
            PipelineSettings(queue, **settings),
            loaded,
            url or self.server.url,
            grace_s=grace_s,
            seed=1,
            flags=flags or {},
            awaits_settings=awaits_settings,
        )
        return Worker(config)

    @asynccontextmanager
    async def working(self, *handlers: Handler[..., Any], **options: Any) -> AsyncIterator[Worker]:
        """Run a worker of these handlers; it stops in order at the end."""
        worker = self.worker(*handlers, **options)
        async with asyncio.TaskGroup() as tasks:
            run = tasks.create_task(worker.run())
            try:
                await wait_until_async(
                    lambda: worker.is_ready or run.done(), what="the worker's registration"
                )
                yield worker
            finally:
                worker.stop()

    async def until(self, condition: Callable[[Counts], object], timeout: float = 10.0) -> Counts:
        """Wait until the queue's counts meet ``condition``; return them.

        Each look is a call to the server, which lets other tasks run meanwhile.
        """
        async with asyncio.timeout(timeout):
            while not condition(counts := await self.queue.counts()):
                pass
        return counts

    async def until_empty(self, timeout: float = 10.0) -> Counts:
        """Wait until nothing is ready, running, scheduled or retrying."""
        return await self.until(
            lambda c: not (c.ready or c.running or c.scheduled or c.retrying), timeout
        )

    def ready_entries(self, handler: str, queue: str = QUEUE) -> list[bytes]:
        """Return a ready list as it is; a job that was claimed and given back has another entry."""
        return list(self.server.call("LRANGE", Keys(queue).ready(handler), 0, -1))

    async def until_paused(self, worker: Worker, queue: str = QUEUE) -> None:
        """Wait until the worker says that it is paused."""
        async with asyncio.timeout(5):
            while True:
                found = await self.client.queue(queue).workers()
                if any(info.id == worker.id and info.record["paused"] for info in found):
                    return


@asynccontextmanager
async def staged(server: Server) -> AsyncIterator[Stage]:
    """Make a queue on ``server`` and the means to run workers of it."""
    opened = Stage(server)
    try:
        yield opened
    finally:
        await opened.client.close()
