"""Call a program for its output, with a bound on its time."""

from __future__ import annotations

import os
import shutil
import subprocess

from benchmarks.processes import REPOSITORY

TAIL = 2000  # characters of what a program said that an error repeats


class ProgramError(RuntimeError):
    """A program is missing, ended with an error, or took too long."""


def need(*programs: str) -> None:
    """Raise ProgramError if one of `programs` is not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise ProgramError(f"not in PATH: {', '.join(missing)}; install them and run this again")


def call(*command: str, timeout: float, stdin: str = "") -> str:
    """Run a program in the repository's folder and return what it prints to standard output."""
    said = " ".join(command)
    try:
        ended = subprocess.run(
            command,
            check=False,
            cwd=REPOSITORY,
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise ProgramError(f"{said} did not end within {timeout:.0f} s") from error
    if ended.returncode:
        raise ProgramError(f"{said} ended with {ended.returncode}: {ended.stderr[-TAIL:].strip()}")
    return ended.stdout
