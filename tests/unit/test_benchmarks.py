"""The benchmark's own parts: what it counts, how it judges, and what it writes."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from benchmarks.bench import NoRivalError, Rivals
from benchmarks.drains import ROUNDS, LongQueue, Rounds
from benchmarks.enqueues import Many
from benchmarks.figures import SPECS, Bound, Figure, UnknownFigureError, chosen
from benchmarks.latency import Latency
from benchmarks.limits import mean_use, most_over
from benchmarks.machine import Machine, processor_name
from benchmarks.race import Drain
from benchmarks.report import Run, page
from benchmarks.rivals.contest import MOST_JOBS, TRIAL_JOBS, affordable_jobs
from benchmarks.rivals.environments import CANDIDATES
from benchmarks.rivals.results import RivalResult, parse
from benchmarks.starts import FOLDER_VARIABLE, has_logs, own_log, read_logs
from benchmarks.tally import STAMP_BYTES, STAMPS_VARIABLE, Stamps, Tally, shared_cells

PROMISED = {
    "batch_fill",
    "batch_late_ms",
    "batch_speedup",
    "drain_async_ratio",
    "drain_million_over_ten_thousand",
    "drain_over_best_rival",
    "drain_sync_ratio",
    "enqueue_many_per_s",
    "enqueue_one_ratio",
    "enqueue_ten_callers_per_s",
    "idle_calls_per_s",
    "latency_p50_ms",
    "latency_p99_ms",
    "limit_bytes",
    "limit_cost_ratio",
    "limit_over",
    "limit_used",
    "limit_used_1s",
    "limit_used_bursts",
    "pause_claims_after",
    "pause_last_start_ms",
    "redis_bytes_per_job",
    "resume_p99_ms",
    "worker_rss_mib",
}


def test_a_tally_tells_lost_jobs_from_repeated_ones(tmp_path: Path) -> None:
    """A drain that lost one job and ran another twice must not look complete."""
    jobs = range(2, 6)
    with Tally(tmp_path / "tally", 8) as tally:
        assert not tally.has_started(jobs)
        for job in (2, 3, 3, 5):
            tally._cells[job] += 1

        assert tally.has_started(jobs)
        assert tally.first_missing(jobs) == 4
        assert (tally.ran(jobs), tally.repeats(jobs)) == (3, 1)

        tally._cells[4] += 1
        assert tally.first_missing(jobs) is None


def test_the_fullest_window_is_found_wherever_it_begins() -> None:
    """A limit that is kept in windows from full second to full second is not kept."""
    events = [(0, 3), (9, 4), (15, 5), (18, -1), (19, 1)]

    assert most_over(events, window=10, limit=lambda at: 8) == 1
    assert most_over(events, window=10, limit=lambda at: 9 if at > 10 else 7) == 0
    assert most_over(events, window=5, limit=lambda at: 8) == -3


def test_a_log_outlives_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The starts of a worker that was killed count too."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert not has_logs(tmp_path, "starts")
    log = own_log("starts", 4)
    assert log is not None
    log.append(7, 1)
    log.append(5, -2)

    assert has_logs(tmp_path, "starts")
    assert read_logs(tmp_path, "starts") == [(5, -2), (7, 1)]


def test_stamps_come_back_as_the_handler_noted_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker packs integers, the benchmark reads bytes: both must mean one layout."""
    with Stamps(tmp_path / "stamps", 2) as stamps:
        monkeypatch.setenv(STAMPS_VARIABLE, str(stamps.path))
        struct.pack_into("=q", shared_cells(STAMPS_VARIABLE), STAMP_BYTES, 700_000)

        assert stamps.read() == [0, 700_000]
        assert (stamps.is_set(0), stamps.is_set(1)) == (False, True)


def test_every_promised_figure_is_measured_under_its_name() -> None:
    """Scripts read the lines by name, so a renamed figure is a broken promise."""
    assert {spec.name for spec in SPECS} == PROMISED


def test_a_part_is_chosen_by_the_start_of_its_figures_names() -> None:
    """`make bench FIGURES=drain` must not measure the minutes of all the rest."""
    names = [spec.name for spec in chosen(["latency", "idle"])]

    assert names == ["latency_p50_ms", "latency_p99_ms", "idle_calls_per_s"]
    assert chosen([""]) == list(SPECS)


def test_an_unknown_figure_is_refused_with_the_known_ones() -> None:
    """A typo must not run an empty benchmark that looks successful."""
    with pytest.raises(UnknownFigureError, match=r"'drian'.*drain_async_ratio"):
        chosen(["drian"])


@pytest.mark.parametrize(
    ("bound", "value", "is_met"),
    [
        (Bound(at_least=0.6), 0.6, True),
        (Bound(at_least=0.6), 0.599, False),
        (Bound(at_most=1.5), 1.5, True),
        (Bound(at_most=1.5), 1.51, False),
        (Bound(), -1, True),
    ],
)
def test_a_line_is_judged_on_its_own_side(bound: Bound, value: float, is_met: bool) -> None:
    """A latency is better below its line, a rate above it."""
    assert bound.is_met(value) is is_met


def test_a_figure_is_one_line_of_json_with_name_and_value_first() -> None:
    """Other tools read `figure` and `value` of each line."""
    spec = chosen(["drain_async"])[0]

    line = Figure(spec, 0.6349, {"flume_per_s": 150_000}).line()

    assert line.startswith('{"figure": "drain_async_ratio", "value": 0.63, ')
    assert json.loads(line)["met"] is True
    assert json.loads(line)["flume_per_s"] == 150_000


def test_the_number_of_jobs_follows_the_slower_of_fill_and_drain() -> None:
    """A rival that enqueues slowly must not take minutes to fill its queue."""
    assert affordable_jobs(drain_per_s=1_000, fill_per_s=100_000) == 3_000
    assert affordable_jobs(drain_per_s=60_000, fill_per_s=10_000) == 30_000
    assert affordable_jobs(drain_per_s=1, fill_per_s=1) == TRIAL_JOBS
    assert affordable_jobs(drain_per_s=1e9, fill_per_s=1e9) == MOST_JOBS


def test_every_rival_has_a_driver_and_pins_all_it_installs() -> None:
    """A rival that floats makes two runs incomparable."""
    for candidate in CANDIDATES:
        folder = candidate.requirements.parent
        assert (folder / "driver.py").is_file()
        pins = candidate.requirements.read_text().splitlines()
        assert pins
        assert all("==" in pin for pin in pins)


def test_the_processor_is_found_in_the_kernels_list() -> None:
    """A rate without its machine says nothing."""
    lines = ["processor\t: 0", "model name\t: Example CPU @ 3.0GHz", "flags\t: a b"]

    assert processor_name(lines) == "Example CPU @ 3.0GHz"
    assert processor_name([]) == ""


def test_the_page_holds_every_figure_setting_and_loss() -> None:
    """The page is honest only if a missed line and a missing rival are on it."""
    text = page(example_run())

    for spec in SPECS:
        assert f"`{spec.name}`" in text
    assert "**Missed in this run: 1.**" in text
    assert "- `latency_p99_ms` is 2.00; its line is ≤ 1.5." in text
    assert "- slowpoke: it needs a newer Python" in text
    assert "| `prefetch` | `10` | why \\| not |" in text
    assert "Valkey 9.1.2, no persistence" in text


def test_the_page_says_when_nothing_was_missed() -> None:
    """The other branch of the verdict."""
    assert "Every line was met in this run." in page(example_run(p99_ms=1.0))


def test_without_any_rival_there_is_no_best_one() -> None:
    """A comparison with nobody would always be won."""
    with pytest.raises(NoRivalError, match="needs a newer Python"):
        _ = Rivals([], {"slowpoke": "it needs a newer Python"}).best


def example_run(p99_ms: float = 2.0) -> Run:
    """Return a whole run with one missed line and one missing rival."""
    drain = Drain(jobs=100_000, seconds=0.5, repeats=0)
    values = {
        "latency_p50_ms": 0.5,
        "latency_p99_ms": p99_ms,
        "idle_calls_per_s": 4.0,
        "worker_rss_mib": 60.0,
        "pause_last_start_ms": 30.0,
        "pause_claims_after": 0.0,
        "resume_p99_ms": 5.0,
        "limit_over": 0.0,
        "limit_bytes": 3_000.0,
        "batch_late_ms": 3.0,
    }
    return Run(
        figures=[Figure(spec, values.get(spec.name, 400_000.0)) for spec in SPECS],
        rounds=Rounds([drain] * ROUNDS, [drain] * ROUNDS, [drain] * ROUNDS),
        rivals=Rivals([example_rival()], {"slowpoke": "it needs a newer Python"}),
        long_queue=LongQueue([drain], drain, 57.0, 58.0, 60.0),
        many=Many(call_per_s=400_000, with_making_per_s=200_000),
        bare_latency=Latency(p50_ms=0.41, p99_ms=0.93, max_ms=2.0),
        machine=Machine("Example CPU", 2, 24, "Linux 6.1", "CPython 3.13.0", {"redis": "8.1.0"}),
        server="Valkey 9.1.2",
    )


def example_rival() -> RivalResult:
    """Return what is read from a driver's line."""
    told = {
        "rival": "hare",
        "version": "1.2",
        "python": "3.13.0",
        "jobs": 4_000,
        "drain_per_s": 1_234,
        "enqueue_per_s": 2_345,
        "repeats": 0,
        "settings": [{"name": "prefetch", "value": "10", "why": "why | not"}],
    }
    return parse(json.dumps(told))


def test_the_use_of_a_limit_does_not_hang_on_when_its_jobs_come() -> None:
    """Two starts every 3,000, together or apart, are two thirds of two in 2,000."""
    together = [at for at in range(0, 60_000, 3000) for _ in range(2)]
    apart = [*range(0, 60_000, 1500)]
    for starts in (together, apart):
        used = mean_use(starts, window=2000, until=56_000, limit=lambda _: 2)
        assert used == pytest.approx(2 / 3, abs=0.01)
