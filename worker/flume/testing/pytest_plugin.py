"""Fixtures for pytest, found by it where kubeflume is installed.

Every pytest run imports this module, so it imports Flume only when a fixture is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flume.testing import Clock, Recorder


@pytest.fixture
def flume_fake() -> Iterator[Recorder]:
    """Send nothing to Redis during the test; the recorder has what was enqueued."""
    from flume.testing import fake

    with fake() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def flume_fake_module() -> Iterator[Recorder]:
    """Send nothing to Redis during any test of the module; the recorder keeps what all enqueue."""
    from flume.testing import fake

    with fake() as recorder:
        yield recorder


@pytest.fixture
def flume_clock() -> Iterator[Clock]:
    """Return a clock to move: ``flume_clock.add(client)``, then ``flume_clock.advance(…)``."""
    from flume.testing import Clock

    clock = Clock()
    yield clock
    clock.reset()
