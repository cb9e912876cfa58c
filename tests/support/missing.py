"""What a test does where something it needs is not on this machine."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from tests.support.servers import MissingServerError, find


def require(kind: str) -> None:
    """Skip the test, or fail it, where a kind of server is not on this machine."""
    try:
        find(kind)
        return
    except MissingServerError as error:
        reason = str(error)
    missing(reason)


def missing(reason: str) -> NoReturn:
    """Skip the test with ``reason``, one line that says what to install.

    With ``FLUME_TEST_REQUIRE=all``, as in CI, the test fails instead: nothing may be left out
    unseen there.
    """
    if os.environ.get("FLUME_TEST_REQUIRE") == "all":
        pytest.fail(f"FLUME_TEST_REQUIRE=all, and {reason}", pytrace=False)
    pytest.skip(reason)
