"""The benchmark's command: measure, print one JSON line a figure, write the page."""

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

from benchmarks.bench import Bench, Rivals
from benchmarks.figures import SPECS, Figure, Spec, UnknownFigureError, chosen
from benchmarks.machine import this_machine
from benchmarks.processes import REPOSITORY
from benchmarks.report import Run, page
from benchmarks.server import Server, embedded_valkey

PAGE = REPOSITORY / "docs" / "performance.md"
REQUIRE_VARIABLE = "FLUME_BENCH_REQUIRE"


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark and return its exit code.

    0 when every figure asked for was measured and keeps its line; 1 when one does not or could
    not be, or when a rival is missing and FLUME_BENCH_REQUIRE=all; 2 for a name no figure has.
    """
    try:
        specs = chosen(_starts(arguments))
    except UnknownFigureError as error:
        print(error, file=sys.stderr)
        return 2
    logging.getLogger("flume").setLevel(logging.ERROR)  # a bench queue is configured by nobody
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # runs what ends the server
    with (
        tempfile.TemporaryDirectory(prefix="flume-bench-") as folder,
        embedded_valkey(Path(folder)) as server,
    ):
        return _run(specs, server, Path(folder))


def _starts(arguments: Sequence[str]) -> list[str]:
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    help_ = "starts of figures' names, such as drain or latency; all by default"
    options.add_argument("figures", nargs="*", help=help_)
    options.add_argument("--figures", dest="listed", default="", help="the same, with commas")
    asked = options.parse_args(arguments)
    return [start for given in (*asked.figures, asked.listed) for start in given.split(",")]


def _run(specs: Sequence[Spec], server: Server, folder: Path) -> int:
    bench = Bench(server.url, folder)
    figures = [figure for spec in specs if (figure := _measure(bench, spec))]
    is_whole = len(figures) == len(SPECS)
    if is_whole:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(_as_run(bench, figures, server)))
    has_failed = len(figures) < len(specs)
    rivals = bench.rivals if "rivals" in vars(bench) else None
    has_missed = not all(figure.is_met for figure in figures)
    return int(has_failed or has_missed or _is_rival_required(rivals))


def _measure(bench: Bench, spec: Spec) -> Figure | None:
    try:
        figure = bench.figure(spec)
    except Exception as error:  # the other figures are measured all the same
        print(json.dumps({"figure": spec.name, "error": f"{error}"}), flush=True)
        return None
    finally:
        if spec.name == "drain_over_best_rival":
            _tell(bench.rivals)
    print(figure.line(), flush=True)
    return figure


def _tell(rivals: Rivals) -> None:
    for result in rivals.results:
        told = {"jobs": result.jobs, "drain_per_s": result.drain_per_s, "repeats": result.repeats}
        print(json.dumps({"rival": result.name, "version": result.version, **told}), flush=True)
    for name, why in rivals.unavailable.items():
        print(json.dumps({"rival": name, "unavailable": why}), flush=True)


def _is_rival_required(rivals: Rivals | None) -> bool:
    is_missing = rivals is not None and bool(rivals.unavailable)
    return is_missing and os.environ.get(REQUIRE_VARIABLE) == "all"


def _as_run(bench: Bench, figures: Sequence[Figure], server: Server) -> Run:
    return Run(
        figures=figures,
        rounds=bench.rounds,
        rivals=bench.rivals,
        long_queue=bench.long_queue,
        many=bench.many,
        bare_latency=bench.bare_latency,
        machine=this_machine(),
        server=server.version,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
