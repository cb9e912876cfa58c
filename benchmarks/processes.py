"""Start processes that cannot outlive the benchmark, and look at their memory.

Standard library only: the drivers of the rivals use it too.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 10.0  # a worker that has nothing to do and needs longer is killed
LOG_TAIL_BYTES = 2000

REPOSITORY = Path(__file__).resolve().parent.parent


class ProcessFailedError(RuntimeError):
    """A process of the benchmark ended, or was refused, when it should have run."""


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    grace: float = STOP_SECONDS,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` in its own process group; it is gone when the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no thread runs when processes start
        )
    try:
        yield process
    finally:
        stop(process, grace)


def stop(process: subprocess.Popen[bytes], grace: float) -> None:
    """Ask `process` to end, then kill its whole group."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)  # a stopped process would not see SIGTERM
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def check_alive(process: subprocess.Popen[bytes], log: Path) -> None:
    """Raise ProcessFailedError, with the end of its log, if `process` has ended."""
    if process.poll() is not None:
        raise ProcessFailedError(f"the process ended with code {process.returncode}: {tail(log)}")


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    return log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process and its children, in MiB (Linux)."""
    return _memory_mib(pid, "VmRSS:")


def peak_mib(pid: int) -> float:
    """Return the most resident memory that a process and its children ever had, in MiB (Linux)."""
    return _memory_mib(pid, "VmHWM:")


def _memory_mib(pid: int, field: str) -> float:
    total_kib = 0
    for member in _family(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            lines = Path(f"/proc/{member}/status").read_text().splitlines()
            total_kib += sum(int(line.split()[1]) for line in lines if line.startswith(field))
    return total_kib / 1024


def _family(pid: int) -> list[int]:
    family = [pid]
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in tasks.read_text().split():
                family += _family(int(child))
    return family
