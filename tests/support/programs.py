"""Call a program for its output, with a bound on its time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

from tests.support.processes import REPOSITORY


class ProgramError(Exception):
    """A program ended with an error; the message ends with what it said."""


def call(*command: str, timeout: float, environment: Mapping[str, str] | None = None) -> str:
    """Run a program in the repository's folder and return what it prints to standard output.

    Raises:
        ProgramError: If it ends with an error.
        subprocess.TimeoutExpired: If it takes longer than ``timeout`` seconds.
    """
    ended = subprocess.run(
        command,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    if ended.returncode:
        raise ProgramError(f"{' '.join(command)} ended with {ended.returncode}: {ended.stderr}")
    return ended.stdout
