"""A call of a client ends when its timeout is over, however often it was sent meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flume import AsyncClient, Client, ref
from flume.errors import ServerUnavailableError
from tests.support.proxy import Proxy

SEND = ref("app.send")
TIMEOUT = 1.0
CUT_AT = 0.7
"""Late in the call: what is sent again then has 0.3 s left, and once had another whole second."""
LIMIT = 1.5


@contextmanager
def stalled_and_cut(proxy: Proxy) -> Iterator[list[float]]:
    """Let nothing pass, and cut each connection late; the list gets how long the block took."""
    took: list[float] = []
    cut = threading.Timer(CUT_AT, proxy.cut_all)
    proxy.stall()
    started = time.monotonic()
    cut.start()
    try:
        yield took
        took.append(time.monotonic() - started)
    finally:
        cut.join()
        proxy.heal()


@pytest.mark.parametrize("is_known", [True, False])
def test_a_call_keeps_its_timeout_when_it_is_sent_again_late(proxy: Proxy, is_known: bool) -> None:
    """A request handler that may wait for Redis for a second waited for nearly two."""
    with Client(proxy.url, timeout=TIMEOUT) as client:
        client.enqueue("email" if is_known else "other", SEND)
        with stalled_and_cut(proxy) as took, pytest.raises(ServerUnavailableError):
            client.enqueue("email", SEND)
        client.enqueue("email", SEND)  # the connection it used has its whole timeout again

    assert took[0] < LIMIT


@pytest.mark.parametrize("is_known", [True, False])
async def test_so_does_an_async_one(proxy: Proxy, is_known: bool) -> None:
    """The two clients are alike."""
    async with AsyncClient(proxy.url, timeout=TIMEOUT) as client:
        await client.enqueue("email" if is_known else "other", SEND)
        with stalled_and_cut(proxy) as took, pytest.raises(ServerUnavailableError):
            await client.enqueue("email", SEND)
        await client.enqueue("email", SEND)

    assert took[0] < LIMIT
