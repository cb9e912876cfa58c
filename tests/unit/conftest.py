"""Fixtures of the tests of ``flume.testing``, which send nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flume import Client, recording
from tests.support.nowhere import NOWHERE


@pytest.fixture
def client() -> Client:
    """Return a client whose Redis is not there."""
    return Client(NOWHERE, timeout=0.1)


@pytest.fixture
def nothing_is_left() -> Iterator[None]:
    """Say that the test leaves no recorder in place: it would swallow the jobs of later tests."""
    yield
    assert recording.active is None
