"""Print the part of requirements.lock that an image needs: ``pins.py worker hatchling …``

A name is an extra of the project (with what every installation needs) or a package of the lock.
Runs on a bare Python, because an image is built where nothing is installed yet.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

PIN = re.compile(r"^([a-z0-9-]+)==.*(?:\n[ #].*)*\n?", re.MULTILINE)
NEEDED_BY = re.compile(r"^    # (?:via )? *([a-z0-9-]+)", re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9._-]+")
OWN_EXTRA = re.compile(r"kubeflume\[([a-z]+)\]")


def pins(pyproject: str, lock: str, names: Iterable[str]) -> str:
    """Return the pins of these extras and packages, and of all that they need.

    Raises:
        SystemExit: If a name is neither.
    """
    blocks = {match[1]: match[0] for match in PIN.finditer(lock)}
    needed: set[str] = set()
    for name in names:
        needed |= set(_direct(tomllib.loads(pyproject)["project"], name, blocks))
    if unknown := sorted(needed - blocks.keys()):
        raise SystemExit(f"not in requirements.lock: {', '.join(unknown)}. Run make lock.")
    needed_by = {name: set(NEEDED_BY.findall(block)) for name, block in blocks.items()}
    while more := {name for name in blocks if needed_by[name] & needed} - needed:
        needed |= more
    return "".join(blocks[name] for name in sorted(needed))


def _direct(
    project: dict[str, dict[str, list[str]]], name: str, lock: Iterable[str]
) -> Iterator[str]:
    """Yield what an extra names, with the extras it names in turn; a package yields itself."""
    extras = project["optional-dependencies"]
    if name not in extras:
        yield name
        return
    for line in (*project["dependencies"], *extras[name]):
        if own := OWN_EXTRA.match(line):
            yield from _direct(project, own[1], lock)
        elif found := NAME.match(line):
            yield re.sub(r"[-_.]+", "-", found[0]).lower()


if __name__ == "__main__":
    print(
        pins(
            (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
            (ROOT / "requirements.lock").read_text(encoding="utf-8"),
            sys.argv[1:],
        ),
        end="",
    )
