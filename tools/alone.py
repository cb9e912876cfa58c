"""Run a command, then end what it left running and fail if there was anything.

For CI on Linux: orphans of the command become children of this process,
whatever session or group they moved to, so that none can hide.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GRACE = 2.0  # seconds in which a process that is already stopping may end by itself
KILLING = 5.0  # seconds in which the rest is killed; more than the kernel needs


def descendants() -> dict[int, str]:
    """Return pid → command line of every live process below this one."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name may hold spaces and brackets, so read from its last bracket on.
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            parents[int(stat.parent.name)] = int(parent)
    below = {os.getpid()}
    while found := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= found
    return {pid: _command(pid) for pid in below - {os.getpid()}}


def end(grace: float) -> list[str]:
    """Wait for the processes below this one, kill the rest, and return their command lines."""
    deadline = time.monotonic() + grace
    while (left := descendants()) and time.monotonic() < deadline:
        time.sleep(0.05)
    killed: dict[int, str] = {}
    deadline = time.monotonic() + KILLING
    # Again and again: one that was just being killed may have started another.
    while left and time.monotonic() < deadline:
        killed |= left
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
        left = descendants()
    return list(killed.values())


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except (FileNotFoundError, ProcessLookupError):
        return "a process that has just ended"


def _stop(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def main() -> int:
    """Return the exit code of the command, or 1 if it left processes behind."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # A shell starts background commands with SIGINT ignored, which tests of Ctrl-C would inherit.
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)

    try:
        code = subprocess.Popen(sys.argv[1:]).wait()
    except SystemExit:
        end(grace=0)
        raise
    left = end(GRACE)
    for command in left:
        print(f"{sys.argv[1:]} left this running, ended now: {command}", file=sys.stderr)
    return code or (1 if left else 0)


if __name__ == "__main__":
    sys.exit(main())
