"""Calls to many Redis servers: one that is down is not asked by everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from flume.errors import ServerRefusedError, ServerUnavailableError
from flume_operator.controls import Controls
from tests.support.proxy import Proxy
from tests.support.servers import Server


@pytest.fixture
async def controls() -> AsyncIterator[Controls]:
    """Return controls of no server yet."""
    made = Controls()
    yield made
    await made.close()


async def ask(controls: Controls, url: str, prefix: str = "flume") -> list[str]:
    """Call a Redis."""
    async with controls.use(url, prefix) as control:
        return await control.queues()


async def test_a_redis_that_is_down_is_not_asked_again_by_those_with_another_prefix(
    controls: Controls, valkey: Server
) -> None:
    """Each namespace may have its own, and hundreds would knock at once."""
    with Proxy(valkey.port) as proxy:
        proxy.refuse()
        with pytest.raises(ServerUnavailableError):
            await ask(controls, proxy.url, "one")
        before = proxy.refused
        for prefix in ("one", "two"):
            with pytest.raises(ServerUnavailableError):
                await ask(controls, proxy.url, prefix)

        assert proxy.refused == before > 0
    assert controls.wait_s(proxy.url) > 0
    assert await ask(controls, valkey.url) == []


async def test_what_is_said_meanwhile_is_what_was_found_out(
    controls: Controls, valkey: Server
) -> None:
    """A condition must not turn from a wrong password to a Redis that is away, and back."""
    url = valkey.url.replace("//", "//nobody:s3cret@")
    said = []
    for _ in range(2):
        with pytest.raises(ServerRefusedError) as caught:
            await ask(controls, url)
        said.append(str(caught.value))

    assert said[0] == said[1]
    assert "s3cret" not in said[0]
