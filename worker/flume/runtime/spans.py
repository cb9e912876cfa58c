"""What the spans of jobs and of batches share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from flume import tracing
from flume.handler import Handler

ENDED = {"shutdown": "released", "lost": "lost"}
"""By why it was stopped: what became of a job that was settled before its handler returned."""


def around(
    handler: Handler[..., Any], span: Callable[..., AbstractContextManager[None]]
) -> Handler[..., Any]:
    """Return a handler each call of which runs in what ``span`` returns for its arguments."""
    function: Callable[..., Any] = handler.function

    @functools.wraps(function)
    async def run_async(*args: Any, **kwargs: Any) -> None:
        with span(*args, **kwargs):
            await function(*args, **kwargs)

    @functools.wraps(function)
    def run_sync(*args: Any, **kwargs: Any) -> None:
        with span(*args, **kwargs):
            function(*args, **kwargs)

    return handler.like(run_async if handler.is_async else run_sync)


def attributes(queue: str, handler: str) -> dict[str, Any]:
    """Return what is said of every run."""
    return {
        "messaging.system": tracing.SYSTEM,
        "messaging.operation.name": "run",
        "messaging.operation.type": "process",
        "messaging.destination.name": queue,
        "flume.handler": handler,
    }
