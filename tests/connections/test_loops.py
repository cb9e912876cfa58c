"""One client, used by one event loop after the other: ``asyncio.run`` in a script, again and again.

An app that bridges from threads, as Django's ``async_to_sync`` does, runs a loop for each call.
"""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable

import pytest

from flume import AsyncClient, ref
from flume.connection import AsyncConnections
from tests.support.loops import LOOPS
from tests.support.servers import Server

pytestmark = pytest.mark.parametrize("loop", LOOPS)

SEND = ref("app.send")


@pytest.fixture
def run(loop: str) -> Callable[..., object]:
    """Return what ``asyncio.run`` does, on this kind of loop."""

    def run_once(main: Callable[[], object]) -> object:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            return runner.run(main())  # type: ignore[arg-type]

    return run_once


def test_a_client_that_is_closed_each_time_serves_the_next_loop(
    server: Server, run: Callable[..., object]
) -> None:
    """Nothing of the loop before is left: neither a connection nor a lock."""
    client = AsyncClient(server.url)

    async def enqueue() -> int:
        async with client:
            await asyncio.gather(*(client.enqueue("email", SEND, n) for n in range(50)))
            return (await client.queue("email").counts()).ready

    assert [run(enqueue) for _ in range(3)] == [50, 100, 150]


def test_a_client_that_is_never_closed_serves_the_next_loop_too(
    server: Server, run: Callable[..., object]
) -> None:
    """Python warns of what was left open; the calls work, and the last loop can close it."""
    client = AsyncClient(server.url)

    async def enqueue() -> int:
        await asyncio.gather(*(client.enqueue("email", SEND, n) for n in range(50)))
        return (await client.queue("email").counts()).ready

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        ready = [run(enqueue) for _ in range(2)]
        run(client.close)
        gc.collect()

    assert ready == [50, 100]


def test_connections_of_a_loop_that_has_ended_can_be_closed(
    server: Server, run: Callable[..., object]
) -> None:
    """Nothing can be called in that loop any more, and their sockets must go all the same."""
    calls = AsyncConnections(server.url)

    async def use() -> None:
        await calls.call("PING")
        await calls.block("PING", timeout=5)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        run(use)
        before = int(server.call("INFO", "clients")["connected_clients"])
        run(calls.close)
        gc.collect()

    assert int(server.call("INFO", "clients")["connected_clients"]) <= before


def test_a_call_that_its_loop_left_behind_holds_up_no_other(
    server: Server, run: Callable[..., object]
) -> None:
    """``asyncio.run`` cancels what still waits when it ends."""
    calls = AsyncConnections(server.url)
    waiting: list[asyncio.Task[object]] = []

    async def leave() -> None:
        waiting.append(asyncio.Task(calls.block("BZPOPMIN", "wake", "5", timeout=10)))
        await calls.call("PING")

    async def use() -> object:
        answer = await calls.call("PING")
        await calls.close()
        return answer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        run(leave)
        answer = run(use)
        gc.collect()

    assert answer == b"PONG"
    assert waiting[0].cancelled()
