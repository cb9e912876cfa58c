"""Take each measurement once, when the first figure needs it, and compute the figures."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import batches, drains, enqueues, footprint, latency, limits, pauses
from benchmarks.batches import Fill, Lateness, Speedup
from benchmarks.drains import LongQueue, Rounds, median_rate
from benchmarks.enqueues import Many, OneByOne
from benchmarks.figures import Detail, Figure, Spec
from benchmarks.latency import Idleness, Latency
from benchmarks.limits import Case, Kept
from benchmarks.pauses import Pauses, Resumes
from benchmarks.rivals.environments import CANDIDATES, RivalUnavailableError, cache_folder
from benchmarks.rivals.results import RivalResult, measure


class NoRivalError(RuntimeError):
    """Not one rival could run, so there is nothing to compare with."""


@dataclass(frozen=True, slots=True)
class Rivals:
    """What the rivals did, and why some did not run."""

    results: list[RivalResult]
    unavailable: dict[str, str]

    @property
    def best(self) -> RivalResult:
        """The fastest of those that ran."""
        if not self.results:
            raise NoRivalError("no rival ran: " + " ".join(self.unavailable.values()))
        return max(self.results, key=lambda result: result.drain_per_s)


class Bench:
    """The measurements of one run, on one server."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    def figure(self, spec: Spec) -> Figure:
        """Measure one figure."""
        value, detail = _COMPUTE[spec.name](self)
        return Figure(spec, value, detail)

    @functools.cached_property
    def rounds(self) -> Rounds:
        """Drains of yardstick and Flume."""
        return drains.measure_rounds(self.url, self.folder)

    @functools.cached_property
    def rivals(self) -> Rivals:
        """Drains of the rivals."""
        results, unavailable = [], {}
        for candidate in CANDIDATES:
            try:
                result = measure(candidate, self.url, cache=cache_folder(), folder=self.folder)
                results.append(result)
            except RivalUnavailableError as error:
                unavailable[candidate.name] = str(error)
        return Rivals(results, unavailable)

    @functools.cached_property
    def long_queue(self) -> LongQueue:
        """Drains of ten thousand and of a million, and the worker's memory."""
        return drains.measure_long_queue(self.url, self.folder)

    @functools.cached_property
    def many(self) -> Many:
        """Enqueue of many."""
        return enqueues.measure_many(self.url)

    @functools.cached_property
    def one_by_one(self) -> OneByOne:
        """Enqueue of one at a time."""
        return enqueues.measure_one_by_one(self.url)

    @functools.cached_property
    def latency(self) -> Latency:
        """Waits of single jobs."""
        return latency.measure_latency(self.url, self.folder)

    @functools.cached_property
    def bare_latency(self) -> Latency:
        """As many trips to Redis with nothing around them."""
        return latency.measure_bare(self.url, self.folder)

    @functools.cached_property
    def idleness(self) -> Idleness:
        """Calls of an idle worker."""
        return latency.measure_idleness(self.url, self.folder)

    @functools.cached_property
    def pauses(self) -> Pauses:
        """What follows a pause."""
        return pauses.measure_pauses(self.url, self.folder)

    @functools.cached_property
    def resumes(self) -> Resumes:
        """What follows a resume."""
        return pauses.measure_resumes(self.url, self.folder)

    @functools.cached_property
    def limits(self) -> list[Kept]:
        """What a shared limit was used for, case by case."""
        return [limits.measure_case(self.url, self.folder, case) for case in limits.CASES]

    @functools.cached_property
    def batch_speedup(self) -> Speedup:
        """Drains one by one and in batches."""
        return batches.measure_speedup(self.url, self.folder)

    @functools.cached_property
    def batch_fill(self) -> Fill:
        """Batches of four workers and a deep queue."""
        return batches.measure_fill(self.url, self.folder)

    @functools.cached_property
    def batch_lateness(self) -> Lateness:
        """Open batches of an idle worker."""
        return batches.measure_lateness(self.url, self.folder)


Computed = tuple[float, dict[str, Detail]]


def _drain_async(bench: Bench) -> Computed:
    return _over_yardstick(bench, median_rate(bench.rounds.flume_async))


def _drain_sync(bench: Bench) -> Computed:
    return _over_yardstick(bench, median_rate(bench.rounds.flume_sync))


def _over_yardstick(bench: Bench, flume: float) -> Computed:
    yardstick = median_rate(bench.rounds.yardstick)
    return flume / yardstick, {"flume_per_s": round(flume), "yardstick_per_s": round(yardstick)}


def _drain_over_rivals(bench: Bench) -> Computed:
    best, flume = bench.rivals.best, median_rate(bench.rounds.flume_async)
    detail: dict[str, Detail] = {
        "flume_per_s": round(flume),
        "best_rival": best.name,
        "rivals_missing": ", ".join(bench.rivals.unavailable) or None,
    }
    return flume / best.drain_per_s, {
        **detail,
        **{f"{result.name}_per_s": result.drain_per_s for result in bench.rivals.results},
    }


def _drain_million(bench: Bench) -> Computed:
    long, short = bench.long_queue.long.per_second, median_rate(bench.long_queue.short)
    return long / short, {"million_per_s": round(long), "ten_thousand_per_s": round(short)}


def _enqueue_many(bench: Bench) -> Computed:
    return bench.many.call_per_s, {"with_making_per_s": round(bench.many.with_making_per_s)}


def _enqueue_ten(bench: Bench) -> Computed:
    ten = enqueues.measure_ten_callers(bench.url)
    return ten.flume_per_s, {"rpush_per_s": round(ten.bare_per_s)}


def _enqueue_one(bench: Bench) -> Computed:
    one = bench.one_by_one
    detail = {"flume_per_s": round(one.flume_per_s), "rpush_per_s": round(one.bare_per_s)}
    return one.flume_per_s / one.bare_per_s, {**detail, "body_bytes": one.body_bytes}


def _latency_p50(bench: Bench) -> Computed:
    return bench.latency.p50_ms, {"bare_ms": round(bench.bare_latency.p50_ms, 2)}


def _latency_p99(bench: Bench) -> Computed:
    max_ms, bare_ms = bench.latency.max_ms, bench.bare_latency.p99_ms
    return bench.latency.p99_ms, {"max_ms": round(max_ms, 2), "bare_ms": round(bare_ms, 2)}


def _idle_calls(bench: Bench) -> Computed:
    idle = bench.idleness
    calls = ", ".join(f"{command} {count}" for command, count in idle.by_command.items())
    return idle.calls_per_s, {"commands_per_s": round(idle.commands_per_s, 1), "calls": calls}


def _pause_last_start(bench: Bench) -> Computed:
    detail = {"pauses": pauses.PAUSES, "starts_after": bench.pauses.starts_after}
    return bench.pauses.last_start_ms, {**detail}


def _pause_claims(bench: Bench) -> Computed:
    return bench.pauses.claims_after, {"pauses": pauses.PAUSES}


def _resume_p99(bench: Bench) -> Computed:
    found = bench.resumes
    return found.p99_ms, {"p50_ms": round(found.p50_ms, 2), "max_ms": round(found.max_ms, 2)}


def _limit_over(bench: Bench) -> Computed:
    kept = bench.limits
    detail: dict[str, Detail] = {
        f"{one.case.count}_in_{one.case.period_s}_s": f"{one.over_by_starts} by starts, "
        f"{one.over_by_grants} by grants"
        for one in kept
    }
    return max(max(one.over_by_starts, one.over_by_grants) for one in kept), detail


def _limit_used(bench: Bench, case: Case) -> Computed:
    kept = next(one for one in bench.limits if one.case == case)
    return kept.used, {"starts": kept.starts}


def _limit_cost(bench: Bench) -> Computed:
    cost = limits.measure_cost(bench.url, bench.folder)
    limited, free = statistics.median(cost.limited), statistics.median(cost.free)
    return cost.ratio, {"limited_per_s": round(limited), "free_per_s": round(free)}


def _limit_bytes(bench: Bench) -> Computed:
    return max(one.bytes for one in bench.limits), {}


def _redis_bytes(bench: Bench) -> Computed:
    return footprint.measure_bytes_per_job(bench.url), {"jobs": footprint.JOBS}


def _worker_rss(bench: Bench) -> Computed:
    long = bench.long_queue
    detail = {"before_mib": round(long.rss_before_mib, 1), "peak_mib": round(long.rss_peak_mib, 1)}
    return long.rss_after_mib, {**detail}


def _batch_speedup(bench: Bench) -> Computed:
    speedup = bench.batch_speedup
    single, in_batches = median_rate(speedup.single), median_rate(speedup.batches)
    detail = {"batches_per_s": round(in_batches), "single_per_s": round(single)}
    return speedup.ratio, {**detail}


def _batch_fill(bench: Bench) -> Computed:
    fill = bench.batch_fill
    return fill.mean, {"batches": fill.batches, "smallest": fill.smallest}


def _batch_late(bench: Bench) -> Computed:
    late = bench.batch_lateness
    return late.p99_ms, {"p50_ms": round(late.p50_ms, 2), "max_ms": round(late.max_ms, 2)}


_COMPUTE: dict[str, Callable[[Bench], Computed]] = {
    "drain_async_ratio": _drain_async,
    "drain_sync_ratio": _drain_sync,
    "drain_over_best_rival": _drain_over_rivals,
    "drain_million_over_ten_thousand": _drain_million,
    "enqueue_many_per_s": _enqueue_many,
    "enqueue_ten_callers_per_s": _enqueue_ten,
    "enqueue_one_ratio": _enqueue_one,
    "latency_p50_ms": _latency_p50,
    "latency_p99_ms": _latency_p99,
    "idle_calls_per_s": _idle_calls,
    "pause_last_start_ms": _pause_last_start,
    "pause_claims_after": _pause_claims,
    "resume_p99_ms": _resume_p99,
    "limit_over": _limit_over,
    "limit_used": lambda bench: _limit_used(bench, limits.SIX_SECONDS),
    "limit_used_1s": lambda bench: _limit_used(bench, limits.ONE_SECOND),
    "limit_used_bursts": lambda bench: _limit_used(bench, limits.BURSTS),
    "limit_cost_ratio": _limit_cost,
    "limit_bytes": _limit_bytes,
    "redis_bytes_per_job": _redis_bytes,
    "worker_rss_mib": _worker_rss,
    "batch_speedup": _batch_speedup,
    "batch_fill": _batch_fill,
    "batch_late_ms": _batch_late,
}
