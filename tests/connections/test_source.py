"""A URL that stands in a file: read for each connection, and never a reason to give up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flume import AsyncClient, Client, ref
from flume.connection import AsyncConnections, SyncConnections
from flume.connection.urls import redis_url
from flume.delivery.python import lead_clients
from flume.errors import ConfigurationError, ServerRefusedError, ServerUnavailableError
from tests.support.servers import Server

pytestmark = pytest.mark.server


class Secret:
    """A file with the URL of a user, and the user whose password it holds."""

    def __init__(self, server: Server, file: Path) -> None:
        self._server = server
        self.file = file
        self.url = file.as_uri()

    def allow(self, password: str) -> None:
        """Let the user in with this password only, and cut the connections it has."""
        call = self._server.call
        call("ACL", "SETUSER", "ada", "reset", "on", f">{password}", "~*", "&*", "+@all")
        call("CLIENT", "KILL", "USER", "ada")

    def write(self, password: str | None) -> None:
        """Put the URL in the file as a Secret's mount does, with an editor's line end."""
        user = "" if password is None else f"ada:{password}@"
        self.file.write_text(self._server.url.replace("//", f"//{user}") + "\n")


@pytest.fixture
def secret(server: Server, tmp_path: Path) -> Iterator[Secret]:
    """Return a file that is not there yet."""
    made = Secret(server, tmp_path / "flume redis.url")
    made.allow("one")
    yield made
    server.call("ACL", "DELUSER", "ada")


async def test_a_new_password_is_read_from_the_file(secret: Secret) -> None:
    """A rotation must not need a restart: that would cost the jobs which run."""
    secret.write("one")
    connections = AsyncConnections(secret.url)
    sync = SyncConnections(secret.url)
    await connections.call("PING")
    sync.call("PING")
    secret.allow("two")
    with pytest.raises(ServerUnavailableError):
        await connections.call("GET", "x")
    with pytest.raises(ServerUnavailableError):
        sync.call("GET", "x")
    secret.write("two")

    assert await connections.call("GET", "x") is None
    assert sync.call("GET", "x") is None
    await connections.close()
    sync.close()


async def test_a_wrong_password_in_a_file_may_be_mended(secret: Secret) -> None:
    """Who treats it as final leaves, and a pod that leaves for it is restarted for ever."""
    secret.write("nonsense")
    told = pytest.raises(ServerUnavailableError, match="refused the user or the password")

    with told as first:
        await AsyncConnections(secret.url).call("GET", "x")
    with told as second:
        SyncConnections(secret.url).call("GET", "x")

    for error in (first.value, second.value):
        assert str(secret.file) in str(error)
        assert "nonsense" not in str(error)


async def test_a_password_that_was_left_out_may_be_added(server: Server, secret: Secret) -> None:
    """The connection stands, and each call on it would be refused until it is opened anew."""
    secret.write(None)
    connections, sync = AsyncConnections(secret.url), SyncConnections(secret.url)
    server.call("ACL", "SETUSER", "default", "resetpass", ">hidden")
    try:
        with pytest.raises(ServerUnavailableError, match="is read again"):
            await connections.call("GET", "x")
        with pytest.raises(ServerUnavailableError, match="is read again"):
            sync.call("GET", "x")
        secret.write("one")
        found = await connections.call("GET", "x"), sync.call("GET", "x")
    finally:
        sync.call("ACL", "SETUSER", "default", "nopass")
        await connections.close()
        sync.close()

    assert found == (None, None)


def test_a_password_in_a_url_stays_final(secret: Secret, server: Server) -> None:
    """A person who has typed it waits for the answer."""
    url = server.url.replace("//", "//ada:wrong@")

    with pytest.raises(ServerRefusedError):
        SyncConnections(url).call("GET", "x")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        ("", "there is no URL in"),
        ("localhost:6379", "does not start with a scheme of ours"),
        ("file:///etc/other", "names another file"),
        ("redis://localhost:6379/0?socket_timeout=x", "cannot be used"),
    ],
)
def test_a_file_without_a_url_is_waited_for(secret: Secret, content: str | None, said: str) -> None:
    """The Secret may come after the pods that mount it, and be mended after that."""
    if content is not None:
        secret.file.write_text(content)
    sync = SyncConnections(secret.url)

    with pytest.raises(ServerUnavailableError, match=said):
        sync.call("GET", "x")
    secret.write("one")
    assert sync.call("GET", "x") is None
    assert sync.where.startswith("redis://127.0.0.1:")
    assert "one" not in sync.where
    sync.close()


async def test_clients_take_the_file_of_the_environment(
    secret: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app that mounts the same Secret needs no code for it; it counts before the app's URL."""
    monkeypatch.setenv("FLUME_REDIS_FILE", str(secret.file))
    monkeypatch.setenv("FLUME_REDIS_URL", "redis://nowhere.invalid:1")
    secret.write("one")

    with Client() as client:
        client.enqueue("orders", ref("app.send"))
        client.queue("orders").purge()
    async with AsyncClient() as other:
        await other.enqueue("orders", ref("app.send"))
        await other.queue("orders").purge()


def test_clients_of_handlers_go_where_their_worker_was_told_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file in the environment must not lead them elsewhere."""
    for name in ("FLUME_REDIS_FILE", "FLUME_REDIS_URL", "FLUME_KEY_PREFIX"):
        monkeypatch.setenv(name, "/before")
    lead_clients("redis://chosen:1/0", "flume")

    assert redis_url(None) == "redis://chosen:1/0"


def test_a_relative_file_is_no_url() -> None:
    """Where a process was started must not decide where its jobs go."""
    with pytest.raises(ConfigurationError):
        redis_url("file:secret")
