"""What a URL and a timeout may say; what cannot count as written is refused, not taken for less."""

from __future__ import annotations

import pytest

from flume import AsyncClient, Client
from flume.connection.urls import redis_url
from flume.errors import ConfigurationError

HOST = "redis://127.0.0.1:1"


@pytest.mark.parametrize("path", ["/abc", "/0abc", "/-1", "/1/2", "/0.5"])
def test_a_database_that_is_no_number_is_refused(path: str) -> None:
    """It was silently database 0, where another app's jobs may be."""
    with pytest.raises(ConfigurationError, match=f"database '{path[1:]}', which is no number"):
        redis_url(HOST + path)


@pytest.mark.parametrize("url", [HOST, f"{HOST}/", f"{HOST}/15", f"{HOST}/0/", "unix:///a/b?db=1"])
def test_a_database_may_be_left_out_or_be_a_number(url: str) -> None:
    """A socket's path is none, and may be anything."""
    assert redis_url(url) == url


def test_another_protocol_is_refused() -> None:
    """The URL's options count before ours, and the replies of RESP 3 have other forms."""
    with pytest.raises(ConfigurationError, match="asks for protocol=3, and Flume speaks 2"):
        redis_url(f"{HOST}/0?protocol=3")

    assert redis_url(f"{HOST}/0?protocol=2")


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize("timeout", [0, -1, 0.0001, float("nan"), float("inf")])
def test_a_timeout_that_cannot_be_waited_for_is_refused(
    client: type[Client | AsyncClient], timeout: float
) -> None:
    """To the kernel 0 means never, so that a call would wait for ever."""
    with pytest.raises(ConfigurationError, match=f"the timeout is {timeout:g} s: use at least"):
        client(f"{HOST}/0", timeout=timeout)
