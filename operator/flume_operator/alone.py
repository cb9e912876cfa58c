"""Leads without asking: for one operator alone, such as on a laptop or in a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol


class Leadership(Protocol):
    """Says who of several operators writes."""

    @property
    def is_leading(self) -> bool:
        """Whether this process may write, now."""
        ...

    async def run(
        self, stopping: asyncio.Event, lead: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Run ``lead`` whenever this process leads, until ``stopping`` is set."""
        ...


class Alone:
    """Always leads."""

    is_leading = True

    async def run(
        self, stopping: asyncio.Event, lead: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Run ``lead`` once; it returns when ``stopping`` is set."""
        if not stopping.is_set():
            await lead()
