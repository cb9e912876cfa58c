"""Write the files that are made from code, or check that they are up to date.

A generator is a function without arguments that returns the text of its file.
"""

import argparse
import sys
from collections.abc import Mapping
from importlib import import_module

from tools.tracked import ROOT

GENERATORS: Mapping[str, str] = {
    "charts/flume/README.md": "tools.chart:readme",
    "charts/flume/templates/crd.yaml": "tools.chart:crd_template",
    "charts/flume/values.schema.json": "tools.chart:schema",
    "crds/pipelines.flume.dev.yaml": "flume.manifest.crd:crd",
    "docs/reference/pipeline.md": "flume.manifest.reference:reference",
}
"""Path of the file → ``module:function`` that returns its text."""


def render(function: str) -> str:
    """Return what a generator, named ``module:function``, makes."""
    module, _, name = function.partition(":")
    text = getattr(import_module(module), name)()
    if not isinstance(text, str):
        raise TypeError(f"{function} returned {type(text).__name__}, a generator returns text")
    return text


def stale(generators: Mapping[str, str]) -> dict[str, str]:
    """Return path → text of each file that differs from what its generator makes."""
    made = {path: render(function) for path, function in generators.items()}
    return {path: text for path, text in made.items() if _read(path) != text}


def _read(path: str) -> str | None:
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.exists() else None


def main() -> int:
    """Write what differs, or with ``--check`` name it and fail."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a file differs"
    )
    check = parser.parse_args().check
    differing = stale(GENERATORS)
    for path, text in differing.items():
        if check:
            print(f"{path}: differs from what {GENERATORS[path]} makes: run make generate")
            continue
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
        print(f"{path}: written")
    if not differing:
        print(f"Generated: all {len(GENERATORS)} files are up to date.")
    return 1 if check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
