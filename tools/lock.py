"""Check that requirements.lock is what `make lock` would write for pyproject.toml.

Works without the network: it compares what is declared with what is pinned,
and leaves the resolution of indirect dependencies to `make lock`.
"""

import re
import sys
import tomllib
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.tracked import ROOT

PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^\s;\\]+).*(?:\n[ #].*)*", re.MULTILINE)
DIRECT = re.compile(r"\(pyproject\.toml")


def declared(pyproject: str) -> list[Requirement]:
    """Return every requirement of the project, its extras and the dev group."""
    table = tomllib.loads(pyproject)
    project = table["project"]
    lines = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
        *table["dependency-groups"]["dev"],
    ]
    requirements = [Requirement(line) for line in lines]
    return [r for r in requirements if canonicalize_name(r.name) != project["name"]]


def pinned(lock: str) -> dict[str, tuple[str, bool]]:
    """Return name → version, and whether the pin is there for pyproject.toml itself."""
    return {
        match["name"]: (match["version"], bool(DIRECT.search(match[0])))
        for match in PIN.finditer(lock)
    }


def findings(pyproject: str, lock: str) -> Iterator[str]:
    """Yield one sentence for each difference."""
    requirements = declared(pyproject)
    pins = pinned(lock)
    for requirement in requirements:
        version, _ = pins.get(canonicalize_name(requirement.name), (None, False))
        if version is None:
            yield f"{requirement.name} is declared and not pinned"
        elif not requirement.specifier.contains(version, prereleases=True):
            yield f"{requirement} is declared and {version} is pinned"
    names = {canonicalize_name(r.name) for r in requirements}
    for name, (_, is_direct) in pins.items():
        if is_direct and name not in names:
            yield f"{name} is pinned and no longer declared"
    if "://" in lock:
        yield "it holds an address: a lock must work with any index"


def main() -> int:
    """Print the differences and return the exit code."""
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found = [f"requirements.lock: {line}: run make lock" for line in findings(pyproject, lock)]
    print("\n".join(found) if found else "Lock: in step with pyproject.toml.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
