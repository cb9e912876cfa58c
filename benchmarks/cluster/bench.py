"""Take each measurement once, when the first figure needs it, and compute the figures."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable
from types import TracebackType
from typing import Self

from benchmarks.cluster import changes, lives, pauses, repairs
from benchmarks.cluster.audit import Counts
from benchmarks.cluster.changes import Roll
from benchmarks.cluster.many import Many, Synced, pretended
from benchmarks.cluster.pauses import Pauses
from benchmarks.cluster.repairs import Repairs
from benchmarks.cluster.stage import Stage
from benchmarks.figures import Detail, Figure, Spec

Computed = tuple[float, dict[str, Detail]]


class Bench:
    """The measurements of one run, on one cluster.  Use it in ``with``."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def figure(self, spec: Spec) -> Figure:
        """Measure one figure; the machine's load before it is told, too."""
        load = os.getloadavg()[0]
        value, detail = _COMPUTE[spec.name](self)
        return Figure(spec, value, detail | {"load_before": round(load, 1)})

    @functools.cached_property
    def starts(self) -> list[float]:
        """Starts of minimal Pipelines."""
        return lives.measure_starts(self.stage)

    @functools.cached_property
    def rest(self) -> Counts:
        """The operator's calls at rest."""
        return lives.measure_rest(self.stage)

    @functools.cached_property
    def pauses(self) -> Pauses:
        """What follows a pause."""
        return pauses.measure_pauses(self.stage)

    @functools.cached_property
    def repairs(self) -> Repairs:
        """What was put back."""
        return repairs.measure_repairs(self.stage)

    @functools.cached_property
    def many(self) -> Many:
        """Pipelines with pretended pods, which stay until the end."""
        return self._stack.enter_context(pretended(self.stage))

    @functools.cached_property
    def of_500(self) -> Synced:
        """A start of the operator with 500 Pipelines."""
        return self.many.start_with(500)


def _ready(bench: Bench) -> Computed:
    starts = bench.starts
    return max(starts), {"each_s": _seconds(starts)}


def _writes_at_rest(bench: Bench) -> Computed:
    counts = bench.rest
    written = ", ".join(f"{what} {count}" for what, count in counts.writes.items())
    return counts.written, {"writes": written, "reads": counts.reads, "lease_calls": counts.lease}


def _of_pauses(found: Pauses, value: float, **detail: Detail) -> Computed:
    told: dict[str, Detail] = {
        "tries": len(found.tries),
        "p50_ms": round(found.p50_ms, 1),
        "max_ms": round(found.max_ms, 1),
        "claims_after": found.claims_after,
    }
    return value, told | detail


def _pause_p50(bench: Bench) -> Computed:
    return _of_pauses(bench.pauses, bench.pauses.p50_ms)


def _pause_p99(bench: Bench) -> Computed:
    return _of_pauses(bench.pauses, bench.pauses.p99_ms)


def _pause_max(bench: Bench) -> Computed:
    return _of_pauses(bench.pauses, bench.pauses.max_ms)


def _pause_hanging(bench: Bench) -> Computed:
    found = pauses.measure_hanging(bench.stage)
    return _of_pauses(found, found.p99_ms)


def _pause_leader_killed(bench: Bench) -> Computed:
    found = pauses.measure_leader_killed(bench.stage)
    return _of_pauses(found, found.max_ms / 1000)


def _pause_changing(bench: Bench) -> Computed:
    _ = bench.of_500  # they are there from then on
    found, rate = pauses.measure_changing(bench.stage, bench.many)
    return _of_pauses(found, found.p99_ms, others_changed_per_s=round(rate, 1))


def _live_settings(bench: Bench) -> Computed:
    took = changes.measure_live_settings(bench.stage)
    return max(took), {"each_s": _seconds(took)}


def _roll(bench: Bench) -> Computed:
    roll: Roll = changes.measure_roll(bench.stage)
    told: dict[str, Detail] = {"jobs": roll.jobs, "lost": roll.lost, "repeated": roll.repeated}
    return roll.lost + roll.repeated, told | {"longest_roll_s": round(roll.longest_s, 1)}


def _repair(bench: Bench) -> Computed:
    found = bench.repairs
    deleted, edited = _seconds(found.deleted_s), _seconds(found.edited_s)
    worst = max(found.deleted_s + found.edited_s)
    return worst, {"deleted_s": deleted, "edited_s": edited}


def _foreign_fields(bench: Bench) -> Computed:
    lost = bench.repairs.foreign_lost
    return len(lost), {"lost": ", ".join(lost)}


def _sync_500(bench: Bench) -> Computed:
    return _synced(bench.of_500)


def _sync_2000(bench: Bench) -> Computed:
    _ = bench.of_500  # they are there from then on
    return _synced(bench.many.start_with(2000))


def _synced(found: Synced) -> Computed:
    return found.synced_s, {
        "all_ready_s": round(found.ready_s, 1),
        "calls": found.counts.total,
        "rss_mib": round(found.memory.now_mib, 1),
        "peak_rss_mib": round(found.memory.peak_mib, 1),
    }


def _sync_500_calls(bench: Bench) -> Computed:
    counts = bench.of_500.counts
    written = ", ".join(f"{what} {count}" for what, count in counts.writes.items())
    told: dict[str, Detail] = {"reads": counts.reads, "dry_runs": counts.tries}
    return counts.total / 500, told | {"writes": written, "lease_calls": counts.lease}


def _operator_rss(bench: Bench) -> Computed:
    memory = bench.of_500.memory
    return memory.peak_mib, {"rss_mib": round(memory.now_mib, 1)}


def _seconds(found: list[float]) -> str:
    return ", ".join(f"{seconds:.2f}" for seconds in found)


_COMPUTE: dict[str, Callable[[Bench], Computed]] = {
    "ready_s": _ready,
    "writes_at_rest": _writes_at_rest,
    "pause_p50_ms": _pause_p50,
    "pause_p99_ms": _pause_p99,
    "pause_max_ms": _pause_max,
    "pause_hanging_p99_ms": _pause_hanging,
    "pause_leader_killed_s": _pause_leader_killed,
    "live_settings_s": _live_settings,
    "roll_lost_or_repeated": _roll,
    "repair_s": _repair,
    "foreign_fields_lost": _foreign_fields,
    "sync_500_s": _sync_500,
    "sync_500_calls": _sync_500_calls,
    "operator_rss_mib": _operator_rss,
    "pause_changing_p99_ms": _pause_changing,
    "sync_2000_s": _sync_2000,
}
