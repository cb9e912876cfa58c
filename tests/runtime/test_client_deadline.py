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
REPLY_AFTER = 0.29
"""So late comes each reply: the three that open a queue in time, the one to the jobs too late."""


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


def test_jobs_of_a_list_are_not_waited_for_twice(proxy: Proxy) -> None:
    """Two calls of a list are under way at once, and what was cut was sent with a new timeout."""
    jobs = [SEND.job(number) for number in range(2500)]
    with Client(proxy.url, timeout=TIMEOUT) as client:
        client.enqueue("email", SEND)
        with stalled_and_cut(proxy) as took, pytest.raises(ServerUnavailableError) as error:
            client.enqueue_many("email", jobs)
        client.enqueue_many("email", error.value.jobs)
        client.enqueue_many("email", jobs)

        assert took[0] < LIMIT
        assert client.queue("email").counts().ready == 1 + len(jobs)


def test_a_list_may_take_longer_than_the_timeout_while_answers_come(proxy: Proxy) -> None:
    """A million jobs take long; what is given up is a Redis that does not answer."""
    jobs = [SEND.job(number) for number in range(8000)]
    cut = threading.Timer(TIMEOUT * 1.2, proxy.cut_all)
    with Client(proxy.url, timeout=TIMEOUT) as client:
        client.enqueue("email", SEND)
        proxy.delay(REPLY_AFTER)
        cut.start()
        client.enqueue_many("email", jobs)
        cut.join()
        proxy.heal()

        assert client.queue("email").counts().ready == 1 + len(jobs)


async def test_so_may_an_async_one(proxy: Proxy) -> None:
    """Its calls go out one after the other."""
    jobs = [SEND.job(number) for number in range(5000)]
    async with AsyncClient(proxy.url, timeout=TIMEOUT) as client:
        await client.enqueue("email", SEND)
        proxy.delay(REPLY_AFTER)
        await client.enqueue_many("email", jobs)
        proxy.heal()

        assert (await client.queue("email").counts()).ready == 1 + len(jobs)


def test_a_first_call_has_one_timeout_for_the_queue_and_its_job(proxy: Proxy) -> None:
    """It asks whether anybody knows the queue before it sends: that took a timeout of its own."""
    with Client(proxy.url, timeout=TIMEOUT) as client:
        client.enqueue("known", SEND)
        proxy.delay(REPLY_AFTER)
        started = time.monotonic()
        with pytest.raises(ServerUnavailableError) as error:
            client.enqueue("email", SEND)
        took = time.monotonic() - started
        proxy.heal()
        client.enqueue_many("email", error.value.jobs)

        assert took < LIMIT
        assert client.queue("email").counts().ready == 1


async def test_so_has_a_first_async_call(proxy: Proxy) -> None:
    """Callers that come later share round trips; the first one goes by its own time."""
    async with AsyncClient(proxy.url, timeout=TIMEOUT) as client:
        await client.enqueue("known", SEND)
        proxy.delay(REPLY_AFTER)
        started = time.monotonic()
        with pytest.raises(ServerUnavailableError) as error:
            await client.enqueue("email", SEND)
        took = time.monotonic() - started
        proxy.heal()
        await client.enqueue_many("email", error.value.jobs)

        assert took < LIMIT
        assert (await client.queue("email").counts()).ready == 1
