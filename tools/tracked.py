"""The files of the repository: what git tracks, plus what it would track."""

import os
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What a walk leaves out where there is no git: an unpacked archive, a bare machine.
MADE = ("__pycache__", "build", "dist", "*.egg-info", "*.pyc")


def tracked_files(*suffixes: str, below: str = "") -> list[Path]:
    """Return the files of the repository, sorted.

    New files count before they are added, so that a check fails before the
    commit and not after it.

    Args:
        suffixes: Endings such as ``.md``.  All files if there is none.
        below: Folder to stay in, relative to the root.
    """
    folder = ROOT / below
    return [
        path
        for path in sorted(set(_git_files() or _walk(ROOT)))
        if path.is_relative_to(folder)
        and (not suffixes or path.suffix in suffixes)
        and path.is_file()
    ]


def _git_files() -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
    return [ROOT / name for name in listing.stdout.decode().split("\0") if name]


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [
            name for name in folders if not _is_made(name) and (name[0] != "." or name == ".ci")
        ]
        yield from (Path(parent, name) for name in files if not _is_made(name))


def _is_made(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in MADE)
