"""The files of the repository: what git tracks, plus what it would track."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def tracked_files(*patterns: str) -> list[Path]:
    """Return the files of the repository, sorted.

    New files count before they are added, so that a check fails before the
    commit and not after it.

    Args:
        patterns: What git calls pathspecs, such as ``*.md``.  All files if there is none.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]
    listing = subprocess.run([*command, *patterns], cwd=ROOT, check=True, capture_output=True)
    names = {name for name in listing.stdout.decode().split("\0") if name}
    return [path for name in sorted(names) if (path := ROOT / name).is_file()]
