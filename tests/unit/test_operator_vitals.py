"""The health port of an operator process: alive while its event loop turns, and not otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from kubernetes.aio import client

from flume_operator.alone import Alone
from flume_operator.api import Api
from flume_operator.cache import Cache
from flume_operator.options import Options
from flume_operator.vitals import Vitals
from tests.support.probing import Probe, total
from tests.support.waiting import wait_until_async

BOUND_S = 0.4


@pytest.fixture
async def probe() -> AsyncIterator[Probe]:
    """Return a probe of an operator that has not yet reached the API server."""
    async with Api(client.Configuration()) as api:
        options = Options(health_port=0)
        vitals = Vitals(api, options, Cache(), Alone(), loop_bound_s=BOUND_S)
        with vitals.served(lambda: (False, "the Pipelines were not listed yet")):
            yield Probe(vitals.port)


async def test_it_is_alive_while_it_waits_for_the_api_server(probe: Probe) -> None:
    """A restart would not bring it back, and a node that comes up starts both at once."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    await wait_until_async(lambda: loop.time() > started + 2 * BOUND_S)
    alive = await asyncio.to_thread(probe.get, "/healthz")
    ready = await asyncio.to_thread(probe.get, "/readyz")

    assert alive == (200, "ok\n")
    assert ready == (503, "the Pipelines were not listed yet\n")


async def test_a_blocked_event_loop_is_not_alive(probe: Probe) -> None:
    """Nothing is reconciled any more and the Lease is lost: only a restart helps."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(probe.wait_for, "/healthz", 503)
        word = asked.result(10)  # blocks the loop

    assert word.startswith("loop: the operator's event loop has not turned for ")
    assert await asyncio.to_thread(probe.wait_for, "/healthz", 200) == "ok\n"


async def test_metrics_are_there_before_it_leads(probe: Probe) -> None:
    """An alert on a metric that is missing would ring at each start."""
    samples = await asyncio.to_thread(probe.samples)

    assert total(samples, "flume_operator_leading") == 1  # alone, it needs no Lease
    for name in ("pipelines", "keys_waiting", "keys_failing", "oldest_run_seconds"):
        assert f"flume_operator_{name}" in {sample.name for sample in samples}
