"""Start processes that cannot outlive the tests, and watch what they print."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parent.parent.parent
LEASH = Path(__file__).with_name("leash.py")

STOP_SECONDS = 15.0
"""Until a process that was asked to end is killed."""


class Process:
    """A running process whose output goes to a file.

    Args:
        command: Program and arguments.
        log: File that takes what it prints.
        environment: Added to that of the tests.
    """

    def __init__(
        self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid())]
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                [*leash, *command],
                cwd=REPOSITORY,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._popen.poll()

    @property
    def output(self) -> str:
        """Everything it has printed so far, from both streams."""
        return self.log.read_text(errors="replace")

    def wait_for_output(self, text: str, timeout: float = 10.0) -> None:
        """Return once ``text`` was printed.

        Raises:
            AssertionError: If the process ends without.
            TimeoutError: If it does not print it in time.
        """

        def printed() -> bool:
            is_over = self.returncode is not None  # asked first: it may print and end
            if text in self.output:
                return True
            assert not is_over, f"it ended with {self.returncode} before {text!r}: {self.output}"
            return False

        wait_until(printed, timeout, what=f"{text!r} in the output of {self.pid}")

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, at most ``STOP_SECONDS`` by default, and return the exit code.

        Raises:
            subprocess.TimeoutExpired: If it runs on.
        """
        return self._popen.wait(STOP_SECONDS if timeout is None else timeout)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens where the process has ended."""
        self._popen.send_signal(number)

    def freeze(self) -> None:
        """Stop it in its tracks, as a paused machine would."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after ``freeze``."""
        self.send(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        """End it and all of its process group at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()

    def end(self) -> None:
        """Ask it to end, wait, and kill what is left."""
        if self.returncode is None:
            self.thaw()  # a stopped process would not see SIGTERM
            self.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait()
        self.kill()


@contextlib.contextmanager
def running(
    command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run ``command``; it and its process group are gone when the block ends."""
    process = Process(command, log=log, environment=environment)
    try:
        yield process
    finally:
        process.end()


@contextlib.contextmanager
def spawn_worker(
    *arguments: str, url: str, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run ``flume worker`` with ``arguments`` against the server at ``url``.

    Modules below the repository can be imported by name: ``tests.runtime.some_handlers``.
    """
    paths = [str(REPOSITORY / source) for source in (".", "worker", "operator")]
    given = {
        "FLUME_REDIS_URL": url,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        **(environment or {}),
    }
    command = [sys.executable, "-m", "flume", "worker", *arguments]
    with running(command, log=log, environment=given) as process:
        yield process
