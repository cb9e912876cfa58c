"""Leads without asking: for one operator alone, such as on a laptop or in a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from flume.health import Answer


class Leadership(Protocol):
    """Says who of several operators writes."""

    @property
    def is_leading(self) -> bool:
        """Whether this process may write, now."""
        ...

    def check(self) -> Answer:
        """Return whether it can be found out who leads, and a word on it; any thread."""
        ...

    async def run(
        self, stopping: asyncio.Event, lead: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Run ``lead`` whenever this process leads, until ``stopping`` is set."""
        ...


class Alone:
    """Always leads."""

    is_leading = True

    def check(self) -> Answer:
        """Return that there is nobody to ask."""
        return True, "ok"

    async def run(
        self, stopping: asyncio.Event, lead: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Run ``lead`` once; it returns when ``stopping`` is set."""
        if not stopping.is_set():
            await lead()
