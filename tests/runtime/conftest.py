"""Fixtures of the tests that run workers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.runtime.working import Stage, staged
from tests.support.servers import Server


@pytest.fixture
async def stage(server: Server) -> AsyncIterator[Stage]:
    """Return a queue on ``server`` and the means to run workers of it."""
    async with staged(server) as opened:
        yield opened


@pytest.fixture
async def solo(valkey: Server) -> AsyncIterator[Stage]:
    """Return the same on Valkey alone, for what takes long and is about our processes."""
    async with staged(valkey) as opened:
        yield opened
