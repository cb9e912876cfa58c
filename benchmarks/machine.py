"""Say what the benchmark ran on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("redis", "hiredis", "uvloop", "msgspec")


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the versions of what counts."""

    processor: str
    cores: int
    memory_gib: int
    system: str
    python: str
    libraries: dict[str, str]


def this_machine() -> Machine:
    """Return what this process runs on."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        system=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        libraries={library: version(library) for library in LIBRARIES},
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return processor_name(lines) or platform.processor() or platform.machine()


def processor_name(lines: Iterable[str]) -> str:
    """Return the model in the lines of /proc/cpuinfo, empty if there is none."""
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return ""
