"""The command: make a cluster, measure, print one JSON line a figure, write the page."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cluster.bench import Bench
from benchmarks.cluster.figures import SPECS
from benchmarks.cluster.programs import ProgramError, need
from benchmarks.cluster.report import Run, page
from benchmarks.cluster.stage import Stage, built_stage
from benchmarks.figures import Figure, Spec, UnknownFigureError, chosen
from benchmarks.machine import this_machine
from benchmarks.processes import REPOSITORY

PAGE = REPOSITORY / "docs" / "performance-cluster.md"
WITH_KWOK = ("sync", "operator", "pause_changing")


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark and return its exit code.

    0 when every figure asked for was measured and keeps its line; 1 when one was not measured or
    misses it; 2 for a name no figure has, or where a program is missing.
    """
    options = _options(arguments)
    try:
        specs = chosen(options.figures, SPECS)
        kwok = any(spec.name.startswith(WITH_KWOK) for spec in specs)
        need("docker", "helm", "kind", "kubectl", *(("kwok",) if kwok else ()))
    except (UnknownFigureError, ProgramError) as error:
        print(error, file=sys.stderr)
        return 2
    logging.getLogger("flume").setLevel(logging.ERROR)  # jobs come before their Pipeline
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # runs what deletes the cluster
    load = os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory(prefix="flume-bench-") as folder,
        built_stage(Path(folder), options.cluster) as stage,
        Bench(stage) as bench,
    ):
        return _run(specs, bench, load)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    help_ = "starts of figures' names, such as pause or sync; all by default"
    options.add_argument("figures", nargs="*", help=help_)
    help_ = "use this kind cluster, make it where it is missing, and leave it"
    options.add_argument("--cluster", default="", help=help_)
    asked = options.parse_args(arguments)
    asked.figures = [start for given in asked.figures for start in given.split(",")]
    return asked


def _run(specs: Sequence[Spec], bench: Bench, load: float) -> int:
    figures = [figure for spec in specs if (figure := _measure(bench, spec))]
    if len(figures) == len(SPECS):
        PAGE.write_text(page(_as_run(bench.stage, figures, load)), encoding="utf-8")
    is_whole = len(figures) == len(specs)
    return int(not is_whole or not all(figure.is_met for figure in figures))


def _measure(bench: Bench, spec: Spec) -> Figure | None:
    try:
        figure = bench.figure(spec)
    except Exception as error:  # the other figures are measured all the same
        print(json.dumps({"figure": spec.name, "error": f"{error}"}), flush=True)
        return None
    print(figure.line(), flush=True)
    return figure


def _as_run(stage: Stage, figures: Sequence[Figure], load: float) -> Run:
    version = json.loads(stage.kube.kubectl("version", "--output", "json"))
    return Run(
        figures=figures,
        machine=this_machine(),
        load=load,
        server=stage.server,
        kubernetes=version["serverVersion"]["gitVersion"],
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
