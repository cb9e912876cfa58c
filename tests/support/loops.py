"""The event loops that Flume runs on: asyncio's own, and uvloop's where it is installed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}

try:
    import uvloop
except ImportError:
    pass
else:
    LOOPS["uvloop"] = uvloop.new_event_loop
