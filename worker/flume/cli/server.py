"""The Redis that a command line names: its client, opened on first use."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flume.cli.exits import CommandEndedError
from flume.errors import NameRefusedError
from flume.keys import DEFAULT_PREFIX, check_prefix, check_queue, queues_key

if TYPE_CHECKING:
    from datetime import datetime

    from flume.connection import SyncConnections
    from flume.driving import Operation
    from flume.sync_client import Client

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

TIMEOUT = 5.0
"""Seconds without an answer after which a command gives up: someone sits and waits for it."""


class Server:
    """Where Redis is, and who talks to it."""

    def __init__(self) -> None:
        self.url: str | None = None
        """None: nobody has named one."""
        self.named_by = ""
        """The option or the variable that names it."""
        self.prefix: str | None = None
        self._client: Client | None = None
        self._connections: SyncConnections | None = None

    def name(self, url: str | Path | None, by: str) -> None:
        """Go to the Redis of this URL, or of the URL in this file; None changes nothing."""
        if url is not None:
            self.url = url.absolute().as_uri() if isinstance(url, Path) else url
            self.named_by = by

    @property
    def key_prefix(self) -> str:
        """Start of all keys."""
        return check_prefix(self.prefix or DEFAULT_PREFIX)

    @property
    def client(self) -> Client:
        """The client."""
        if self._client is None:
            from flume.sync_client import Client

            # The client sends again until its time is over; this is sent once, so that a Redis
            # which is not there is told at once.
            self.connections.call("EXISTS", queues_key(self.key_prefix))
            self._client = Client(self.url, prefix=self.key_prefix, timeout=TIMEOUT)
        return self._client

    @property
    def connections(self) -> SyncConnections:
        """Connections for what the client has no method for."""
        if self._connections is None:
            from flume.connection import SyncConnections

            self._connections = SyncConnections(self.url, timeout=TIMEOUT)
        return self._connections

    def drive(self, operation: Operation[T]) -> T:
        """Do what the client has no method for, in its way: an unanswered step is sent again."""
        return self.client._drive(operation)

    def now(self) -> datetime:
        """Return the time by Redis' clock, which all times in Redis are of."""
        from datetime import UTC, datetime

        seconds, micros = self.connections.call("TIME")
        return datetime.fromtimestamp(int(seconds) + int(micros) / 1e6, UTC)

    def close(self) -> None:
        """Close what was opened."""
        for opened in (self._client, self._connections):
            if opened is not None:
                opened.close()


pass_server = click.make_pass_decorator(Server, ensure=True)


def _name(ctx: click.Context, param: click.Parameter, value: str | Path | None) -> None:
    ctx.ensure_object(Server).name(value, param.opts[0])


def _keep_prefix(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Server).prefix = value


def server_options(function: F) -> F:
    """Add the root's options of Redis, so that they may stand behind the command as well."""
    path = click.Path(dir_okay=False, path_type=Path)
    file = click.option("--redis-file", type=path, expose_value=False, callback=_name, hidden=True)
    prefix = click.option("--prefix", expose_value=False, callback=_keep_prefix, hidden=True)
    url = click.option("--redis", "url", expose_value=False, callback=_name, hidden=True)
    return file(url(prefix(function)))


def queue_name(text: str) -> str:
    """Return a parameter that names a queue: the ``type`` of an argument."""
    try:
        return check_queue(text)
    except NameRefusedError as error:
        raise click.BadParameter(str(error)) from error


queue_argument = click.argument("queue", type=queue_name, metavar="QUEUE")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be taken back.

    Raises:
        UsageError: If nobody is there to be asked.
        CommandEndedError: If the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(
            "Nobody is there to be asked: give --yes", click.get_current_context()
        )
    if not click.confirm(question, err=True):
        raise CommandEndedError("nothing was done.")
