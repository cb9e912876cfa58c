"""Give each rival an environment of its own, made once and kept outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

INSTALL_SECONDS = 240.0
NEWER_PYTHONS = ("python3.13", "python3.14")
FOLDER = Path(__file__).parent


class RivalUnavailableError(RuntimeError):
    """A rival cannot run here; the message says why."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rival to be installed: its folder's name and the oldest Python it runs on."""

    name: str
    oldest_python: tuple[int, int] = (3, 11)

    @property
    def requirements(self) -> Path:
        """Where its versions are pinned."""
        return FOLDER / self.name / "requirements.txt"


CANDIDATES = (
    Candidate("celery"),
    Candidate("dramatiq"),
    Candidate("taskiq"),
    Candidate("pydocket"),
    Candidate("mayu", oldest_python=(3, 13)),
)


def cache_folder() -> Path:
    """Return where the environments are kept."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "flume-bench"


def python_of(candidate: Candidate, cache: Path) -> Path:
    """Return the Python of the rival's environment, which is made if it is not there.

    Raises:
        RivalUnavailableError: If it cannot be made.
    """
    interpreter = _interpreter(candidate)
    environment = cache / candidate.name
    python = environment / "bin" / "python"
    stamp = environment / "made-from.txt"
    made_from = f"{interpreter}\n{candidate.requirements.read_text()}"
    if python.exists() and stamp.exists() and stamp.read_text() == made_from:
        return python
    shutil.rmtree(environment, ignore_errors=True)
    environment.parent.mkdir(parents=True, exist_ok=True)
    for command in _commands(interpreter, environment, candidate.requirements):
        _run(command, candidate)
    stamp.write_text(made_from)  # last: an environment half made is made again
    return python


def _interpreter(candidate: Candidate) -> str:
    if sys.version_info[:2] >= candidate.oldest_python:
        return str(Path(sys.executable).resolve())  # not the checkout's: the cache outlives it
    for name in NEWER_PYTHONS:
        found = shutil.which(name)
        if found and _runs(found):
            return found
    needed = ".".join(map(str, candidate.oldest_python))
    raise RivalUnavailableError(
        f"{candidate.name} needs Python {needed} or newer, this is {sys.version.split()[0]}, and "
        f"none of {', '.join(NEWER_PYTHONS)} is installed: install one, or run the benchmark "
        "with it."
    )


def _runs(interpreter: str) -> bool:
    """Say whether it starts: version managers leave commands that only explain themselves."""
    return not subprocess.run(
        [interpreter, "--version"], check=False, capture_output=True
    ).returncode


def _commands(interpreter: str, environment: Path, requirements: Path) -> list[list[str]]:
    target = str(environment / "bin" / "python")
    uv = shutil.which("uv")  # the same result, several times faster
    if uv:
        return [
            [uv, "venv", "--quiet", "--python", interpreter, str(environment)],
            [uv, "pip", "install", "--quiet", "--python", target, "-r", str(requirements)],
        ]
    install = ["install", "--quiet", "-r", str(requirements)]
    return [
        # Our own pip installs: Debian's Python without python3-venv has none to give.
        [interpreter, "-m", "venv", "--without-pip", str(environment)],
        [sys.executable, "-m", "pip", "--python", target, *install],
    ]


def _run(command: list[str], candidate: Candidate) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines() or ["no output"]
        raise RivalUnavailableError(
            f"{candidate.name} could not be installed ({Path(command[0]).name} ended with code "
            f"{error.returncode}): {lines[-1]}"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RivalUnavailableError(f"{candidate.name} could not be installed: {error}") from error
