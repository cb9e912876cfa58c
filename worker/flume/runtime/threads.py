"""Threads that run one call after another; what they return comes back to the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any


class Threads:
    """As many threads as there are calls at once, kept for later ones.

    They are daemons, unlike those of ``concurrent.futures``: a call that never returns must not
    keep the process from ending.  Code that keeps a connection for each thread finds it again.
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._name = name
        self._loop = loop
        self._calls: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = (
            SimpleQueue()
        )
        self._idle = 0  # only the event loop counts: threads that wait, or will in a moment
        self._made = 0

    async def run(self, function: Callable[[], Any]) -> Any:
        """Run ``function`` in a thread and return what it returns."""
        future = self._loop.create_future()
        self._calls.put((function, future))
        if self._idle:
            self._idle -= 1
        else:
            self._made += 1
            name = f"{self._name}-{self._made}"
            threading.Thread(target=self._serve, name=name, daemon=True).start()
        return await future

    def close(self) -> None:
        """Let each thread end once it is idle."""
        for _ in range(self._made):
            self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            function, future = call
            value: Any = None
            error: BaseException | None = None
            try:
                value = function()
            except BaseException as failure:  # SystemExit of a handler must not end its thread
                error = failure
            try:
                self._loop.call_soon_threadsafe(self._ended, future, value, error)
            except RuntimeError:  # the loop is closed: the worker has given this call up
                return

    def _ended(self, future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
        self._idle += 1
        if future.cancelled():
            return
        if isinstance(error, StopIteration):  # a future refuses it
            error = RuntimeError(f"the handler raised {error!r}")
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
