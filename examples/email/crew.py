"""The processes of the demo: started one by one, ended together whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from flume.local.server import die_with_parent

HERE = Path(__file__).resolve().parent
END_SECONDS = 15.0  # for a worker to finish what it runs; then it is killed


class ChildFailedError(Exception):
    """A process of the demo ended before its time."""


class Child:
    """A Python program that runs beside the demo; what it prints goes to a file."""

    def __init__(self, name: str, arguments: tuple[str, ...], log: Path, **env: str) -> None:
        self.name = name
        self._log = log
        self._was_killed = False
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=HERE,
                env=env,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the demo alone, which ends them in order
                preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            )
        self.pid = self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def lines(self) -> list[str]:
        """Return what it has printed, without a line that is still being written."""
        return self._log.read_text(errors="replace").split("\n")[:-1]

    def kill(self) -> None:
        """Do what kill -9 does: no farewell, no clean-up."""
        self._was_killed = True
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        """Ask it to end; nothing happens where it has."""
        self._process.terminate()

    def wait(self) -> None:
        """Wait for its end; kill it where it does not come."""
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def check(self) -> None:
        """Raise ChildFailedError if it ended by itself with an error."""
        if self.exit_code and not self._was_killed:
            words = "\n".join(self.lines()[-5:])
            raise ChildFailedError(f"{self.name} ended with {self.exit_code}, saying:\n{words}")


class Crew:
    """All children, and a folder for what they print."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[Child] = []
        # A FLUME_… of the user's shell would make other workers than those the README shows.
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("FLUME_")}

    def start(self, name: str, *arguments: str) -> Child:
        log = self._folder / f"{name.replace(' ', '-')}.log"
        child = Child(name, arguments, log, **self.environment)
        self._children.append(child)
        return child

    def check(self) -> None:
        """Raise ChildFailedError if one ended by itself with an error."""
        for child in self._children:
            child.check()

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would leave some running
        for child in reversed(self._children):  # workers first: they finish the mail in hand
            child.terminate()
            child.wait()


class MailServer:
    """The SMTP server in its own process, and what it says it took."""

    def __init__(self, crew: Crew) -> None:
        self._child = crew.start("smtp server", "smtp_server.py")
        self.port = 0

    def is_listening(self) -> bool:
        """Return whether it has said its port and first counts."""
        lines = self._child.lines()
        if len(lines) > 1:
            self.port = json.loads(lines[0])["port"]
        return self.port > 0

    def tally(self) -> dict[str, int]:
        """Return the last counts it has printed."""
        counts: dict[str, int] = json.loads(self._child.lines()[-1])
        return counts

    def end(self) -> dict[str, int]:
        """Stop it, and return its last counts: those of everything it took."""
        self._child.terminate()
        self._child.wait()
        return self.tally()
