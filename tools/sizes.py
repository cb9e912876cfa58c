"""Check that files and functions stay small enough to read in one go.

There is no list of exceptions: what grows past a cap is split.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.tracked import ROOT, tracked_files

PYTHON_FILE = 400  # lines; typical files have 80 to 200
PYTHON_FUNCTION = 60  # lines with signature and docstring: what fits a screen
LUA_FILE = 80  # lines; one state transition
LUA_INCLUDE = 25  # lines; shared by several scripts, so each is read many times


def oversized_functions(source: str) -> Iterator[tuple[int, str, int]]:
    """Yield line, name and length of each function above the cap."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > PYTHON_FUNCTION:
                yield node.lineno, node.name, length


def findings(path: Path) -> Iterator[str]:
    """Yield one sentence for each cap that a file breaks."""
    name = path.relative_to(ROOT)
    source = path.read_text(encoding="utf-8")
    lines = source.count("\n")
    if lines > (cap := _cap(name)):
        yield f"{name}: has {lines} lines, the cap is {cap}: split it"
    if path.suffix == ".py":
        for line, function, length in oversized_functions(source):
            yield (
                f"{name}:{line}: {function} has {length} lines, "
                f"the cap is {PYTHON_FUNCTION}: split it"
            )


def _cap(name: Path) -> int:
    if name.suffix == ".py":
        return PYTHON_FILE
    return LUA_INCLUDE if "include" in name.parent.name else LUA_FILE


def main() -> int:
    """Print what is too large and return the exit code."""
    found = [line for path in tracked_files(".py", ".lua") for line in findings(path)]
    print("\n".join(found) if found else "Sizes: all files and functions are within their caps.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
