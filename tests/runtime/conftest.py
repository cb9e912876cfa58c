"""Fixtures of the tests that run workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from opentelemetry import trace

from tests.runtime.spanning import Spans
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


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """Set OpenTelemetry up for one test; its own function works once a process."""
    recorded = Spans()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", recorded.provider)
    yield recorded
    recorded.provider.shutdown()
