"""Fixtures of the tests that run workers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.runtime.working import Stage
from tests.support.servers import Server


@pytest.fixture
async def stage(server: Server) -> AsyncIterator[Stage]:
    """Return a queue on ``server`` and the means to run workers of it."""
    opened = Stage(server)
    try:
        yield opened
    finally:
        await opened.client.close()


@pytest.fixture
async def solo(valkey: Server) -> AsyncIterator[Stage]:
    """Return the same on Valkey alone, for what takes long and is about our processes."""
    opened = Stage(valkey)
    try:
        yield opened
    finally:
        await opened.client.close()
