"""Tests of connections run on each event loop that a worker or an app may have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import pytest

from flume.connection import AsyncConnections, SyncConnections
from tests.support.loops import LOOPS
from tests.support.proxy import Proxy

TIMEOUT = 0.3
"""Seconds until a call that is not answered ends: short, because some tests wait for it."""


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run each async test on asyncio's own loop and on uvloop's."""
    return LOOPS


@pytest.fixture
async def calls(proxy: Proxy) -> AsyncIterator[AsyncConnections]:
    """Return async connections that pass through the proxy."""
    opened = AsyncConnections(proxy.url, timeout=TIMEOUT)
    yield opened
    await opened.close()


@pytest.fixture
def sync_calls(proxy: Proxy) -> Iterator[SyncConnections]:
    """Return sync connections that pass through the proxy."""
    opened = SyncConnections(proxy.url, timeout=TIMEOUT)
    yield opened
    opened.close()
