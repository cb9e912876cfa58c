"""A fetcher that waits is woken by what it waits for, and not held by a connection that died."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest

from flume.connection import AsyncConnections
from flume.keys import Keys
from flume.runtime.link import Link
from flume.runtime.wakeups import ANSWER_S, BLOCK_S, Wakeups
from tests.support.proxy import Proxy

KEYS = Keys("orders")
SHORT_S = 0.3


@asynccontextmanager
async def waits(proxy: Proxy) -> AsyncIterator[Wakeups]:
    """Make waits whose connection passes through the proxy and stands already."""
    connections = AsyncConnections(proxy.url)
    link = Link(KEYS.queue, connections, rng=Random(1))
    async with asyncio.TaskGroup() as tasks:
        opened = Wakeups(KEYS, ["send"], link, spawn=tasks.create_task)
        await opened.marker(0.01)
        yield opened
    await connections.close()


@pytest.mark.parametrize("wait", [Wakeups.marker, Wakeups.change])
async def test_a_connection_that_died_in_silence_holds_it_up_for_a_second_more(
    proxy: Proxy, wait: Callable[[Wakeups, float], Awaitable[object]]
) -> None:
    """Nothing ends such a connection but our own clock: a router that forgot it sends no reset."""
    async with waits(proxy) as wakeups:
        proxy.stall()
        before = time.monotonic()
        await wait(wakeups, SHORT_S)
        took = time.monotonic() - before
        proxy.heal()

    assert SHORT_S + ANSWER_S <= took < SHORT_S + 2 * ANSWER_S
    assert BLOCK_S + ANSWER_S <= 4


async def test_a_wait_that_is_cut_short_ends_at_once(proxy: Proxy) -> None:
    """A worker that is told to stop claims no more within 100 ms (contract 12)."""
    async with waits(proxy) as wakeups, asyncio.TaskGroup() as tasks, asyncio.timeout(1):
        waiting = tasks.create_task(wakeups.marker(BLOCK_S))
        while not waiting.done():
            wakeups.cut_short()
            await asyncio.sleep(0)
