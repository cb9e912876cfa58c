"""Run a rival's driver in its own environment and read the line it prints."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import ProcessFailedError, running, tail
from benchmarks.rivals.contest import REDIS_VARIABLE, Setting
from benchmarks.rivals.environments import Candidate, RivalUnavailableError, python_of

DRIVER_SECONDS = 90.0  # two drains and two fills take about 15


@dataclass(frozen=True, slots=True)
class RivalResult:
    """What one rival did."""

    name: str
    version: str
    python: str
    jobs: int
    drain_per_s: float
    enqueue_per_s: float
    repeats: int
    settings: tuple[Setting, ...]


def measure(candidate: Candidate, url: str, *, cache: Path, folder: Path) -> RivalResult:
    """Run the rival against the server at `url`, and return what it did.

    Raises:
        RivalUnavailableError: If it cannot be installed or does not end its drain.
    """
    python = python_of(candidate, cache)
    log = folder / f"{candidate.name}.log"
    command = [str(python), "-m", f"benchmarks.rivals.{candidate.name}.driver"]
    with running(command, log=log, environment={REDIS_VARIABLE: url}) as driver:
        try:
            code = driver.wait(DRIVER_SECONDS)
        except subprocess.TimeoutExpired:
            raise RivalUnavailableError(
                f"{candidate.name} did not end within {DRIVER_SECONDS:.0f} s"
            ) from None
    try:
        if code:
            raise ProcessFailedError(tail(log).splitlines()[-1])
        return parse(log.read_text().strip().splitlines()[-1])
    except (ProcessFailedError, IndexError, ValueError, KeyError) as error:
        raise RivalUnavailableError(f"{candidate.name} failed: {error}") from error


def parse(line: str) -> RivalResult:
    """Read the line that a driver prints."""
    told = json.loads(line)
    return RivalResult(
        name=told["rival"],
        version=told["version"],
        python=told["python"],
        jobs=told["jobs"],
        drain_per_s=told["drain_per_s"],
        enqueue_per_s=told["enqueue_per_s"],
        repeats=told["repeats"],
        settings=tuple(Setting(**setting) for setting in told["settings"]),
    )
