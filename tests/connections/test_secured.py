"""TLS, a unix socket and an ACL user: redis-py sets them up, and the wires take them over."""

from __future__ import annotations

import asyncio
import gc
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flume import AsyncClient, Client, ref
from flume.connection import AsyncConnections, SyncConnections
from flume.errors import ServerRefusedError, ServerUnavailableError
from tests.connections.conftest import TIMEOUT
from tests.support.missing import missing, require
from tests.support.proxy import Proxy
from tests.support.servers import Server, free_port, running_server

pytestmark = pytest.mark.server

SEND = ref("app.send")
CERTIFICATE = (
    *("req", "-x509", "-nodes", "-days", "2", "-newkey", "ec", "-pkeyopt"),
    *(
        "ec_paramgen_curve:prime256v1",
        "-subj",
        "/CN=redis",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ),
)


class Secured:
    """A server that is reached in each of these ways."""

    def __init__(self, server: Server, folder: Path, tls_port: int) -> None:
        self.tls_port = tls_port
        self._certificate = folder / "cert.pem"
        self.urls = {
            "tls": self.over_tls(tls_port),
            "unix": f"unix://{folder / 'socket'}?db=0",
            "acl": server.url.replace("redis://", "redis://ada:se%2Fcret@"),
        }

    def over_tls(self, port: int) -> str:
        """Return the URL of a port that leads to the server's TLS port."""
        return f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={self._certificate}"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Return the server; Valkey is left out, because its embedded build has no TLS."""
    require("redis")
    if shutil.which("openssl") is None:
        missing("openssl is not in PATH: apt-get install openssl")
    folder, tls_port = tmp_path_factory.mktemp("tls"), free_port()
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
    subprocess.run(["openssl", *CERTIFICATE, *files], check=True, capture_output=True)
    options = (
        *("--tls-port", str(tls_port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(folder / "cert.pem"), "--tls-key-file", str(folder / "key.pem")),
        *("--tls-ca-cert-file", str(folder / "cert.pem"), "--unixsocket", str(folder / "socket")),
    )
    with running_server("redis", folder, *options) as server:
        server.call("ACL", "SETUSER", "ada", "on", ">se/cret", "~*", "+@all", "-flushall")
        yield Secured(server, folder, tls_port)


@pytest.fixture(params=["tls", "unix", "acl"])
def url(request: pytest.FixtureRequest, secured: Secured) -> str:
    """Return each way to the server."""
    return secured.urls[request.param]


def test_a_client_hands_jobs_in(url: str) -> None:
    """Long bodies too, which come in many pieces where they are encrypted."""
    with Client(url) as client:
        before = client.queue("email").counts().ready
        client.enqueue("email", SEND, "x" * 200_000)
        client.enqueue_many("email", [SEND.job(number) for number in range(3000)])

        assert client.queue("email").counts().ready == before + 3001
        assert client.queue("email").jobs("ready", limit=10_000)[before].args == ["x" * 200_000]


async def test_an_async_client_hands_jobs_in(url: str) -> None:
    """The same over a transport that asyncio, or uvloop, has wrapped."""
    async with AsyncClient(url) as client:
        before = (await client.queue("email").counts()).ready
        await asyncio.gather(*(client.enqueue("email", SEND, "x" * 9000) for _ in range(500)))

        assert (await client.queue("email").counts()).ready == before + 500


async def test_closing_leaves_nothing_open(url: str) -> None:
    """A transport that is left half closed is a warning when it is forgotten."""
    calls = AsyncConnections(url)
    await calls.call("PING")
    await calls.block("PING", timeout=5)
    await calls.close()
    await asyncio.sleep(0)
    del calls
    gc.collect()


def test_over_tls_a_reply_that_does_not_come_ends_the_call_in_time(secured: Secured) -> None:
    """OpenSSL went on reading where the kernel said that the time was over, for ever."""
    with Proxy(secured.tls_port) as proxy:
        calls = SyncConnections(secured.over_tls(proxy.port), timeout=TIMEOUT)
        calls.call("PING")
        proxy.stall()
        began = time.monotonic()
        with pytest.raises(ServerUnavailableError):
            calls.call("PING")
        took = time.monotonic() - began
        proxy.heal()

        assert TIMEOUT * 0.9 <= took < 3 * TIMEOUT
        assert calls.call("PING") == b"PONG"
        calls.close()


async def test_over_tls_an_async_call_ends_in_time_too(secured: Secured) -> None:
    """Also the end of the connection must not wait for a server that says nothing."""
    with Proxy(secured.tls_port) as proxy:
        calls = AsyncConnections(secured.over_tls(proxy.port), timeout=TIMEOUT)
        await calls.call("PING")
        proxy.stall()
        with pytest.raises(ServerUnavailableError):
            await calls.call("PING")
        proxy.heal()

        assert await calls.call("PING") == b"PONG"
        await calls.close()


async def test_over_tls_a_cut_connection_opens_again(secured: Secured) -> None:
    """Its end comes without the goodbye of TLS."""
    with Proxy(secured.tls_port) as proxy:
        calls = AsyncConnections(secured.over_tls(proxy.port))
        sync_calls = SyncConnections(secured.over_tls(proxy.port))
        for _ in range(3):
            assert await calls.call("PING") == sync_calls.call("PING") == b"PONG"
            proxy.drop_replies(2)
            with pytest.raises(ServerUnavailableError):
                await calls.call("PING")
            with pytest.raises(ServerUnavailableError):
                sync_calls.call("PING")
        await calls.close()
        sync_calls.close()


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(secured: Secured) -> None:
    """Without a CA of its own in the URL, the system's are asked."""
    stranger = f"rediss://127.0.0.1:{secured.tls_port}/0"

    with pytest.raises(ServerUnavailableError):
        SyncConnections(stranger).call("PING")
    with pytest.raises(ServerUnavailableError):
        await AsyncConnections(stranger).call("PING")


async def test_a_right_that_a_user_lacks_is_named(secured: Secured) -> None:
    """Somebody has to grant it; ``flume doctor`` says which there are."""
    calls = AsyncConnections(secured.urls["acl"])
    with pytest.raises(ServerRefusedError, match="flushall"):
        await calls.call("FLUSHALL")
    await calls.close()
