"""The figures: what each is called, what it means, and what it should be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Detail = float | str | bool | None


class UnknownFigureError(ValueError):
    """No figure's name starts with what was asked for."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The line that a figure should keep."""

    at_least: float | None = None
    at_most: float | None = None

    def is_met(self, value: float) -> bool:
        """Say whether `value` keeps it."""
        if self.at_least is not None and value < self.at_least:
            return False
        return self.at_most is None or value <= self.at_most

    def __str__(self) -> str:
        parts = []
        if self.at_least is not None:
            parts.append(f"≥ {self.at_least:,g}")
        if self.at_most is not None:
            parts.append(f"≤ {self.at_most:,g}")
        return " and ".join(parts) or "none"


@dataclass(frozen=True, slots=True)
class Spec:
    """One figure before it is measured."""

    name: str
    meaning: str
    bound: Bound
    digits: int = 2


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, measured."""

    spec: Spec
    value: float
    detail: Mapping[str, Detail] = field(default_factory=dict)

    @property
    def is_met(self) -> bool:
        """Whether it keeps its line."""
        return self.spec.bound.is_met(self.value)

    @property
    def shown(self) -> str:
        """The value as people read it."""
        return f"{self.value:,.{self.spec.digits}f}"

    def line(self) -> str:
        """Return the figure as one line of JSON."""
        value = round(self.value, self.spec.digits or None)
        named = {"figure": self.spec.name, "value": value}
        asked = {"target": str(self.spec.bound), "met": self.is_met}
        return json.dumps({**named, **asked, **self.detail}, ensure_ascii=False)


SPECS = (
    Spec(
        "drain_async_ratio",
        "Drain of async no-op jobs by one worker with everything on, over the yardstick's.",
        Bound(at_least=0.6),
    ),
    Spec(
        "drain_sync_ratio",
        "The same with sync handlers, which run in threads.",
        Bound(at_least=0.15),
    ),
    Spec(
        "drain_over_best_rival",
        "Flume's async drain over the fastest rival's.",
        Bound(at_least=1.0),
    ),
    Spec(
        "drain_million_over_ten_thousand",
        "Rate of draining 1,000,000 waiting jobs over that of 10,000, "
        "with 1,000,000 scheduled jobs beside them.",
        Bound(at_least=0.85),
    ),
    Spec(
        "enqueue_many_per_s",
        "Jobs a second of one `Client.enqueue_many` with 100,000 jobs.",
        Bound(at_least=300_000),
        digits=0,
    ),
    Spec(
        "enqueue_ten_callers_per_s",
        "Jobs a second of ten concurrent callers of one `AsyncClient`.",
        Bound(at_least=60_000),
        digits=0,
    ),
    Spec(
        "enqueue_one_ratio",
        "Jobs a second of one caller of `Client.enqueue`, one at a time, "
        "over a bare redis-py RPUSH of as many bytes.",
        Bound(at_least=0.7),
    ),
    Spec(
        "latency_p50_ms",
        "From before the enqueue to the handler's start, idle worker, median.",
        Bound(at_most=0.7),
    ),
    Spec("latency_p99_ms", "The same, the slowest in a hundred.", Bound(at_most=1.5)),
    Spec(
        "idle_calls_per_s",
        "Calls to Redis by a worker that has nothing to do.",
        Bound(at_most=4.9),  # under 5
    ),
    Spec(
        "pause_last_start_ms",
        "From a pause's answer to the last start of a job on any of 8 busy workers, at worst.",
        Bound(at_most=100),
        digits=1,
    ),
    Spec(
        "pause_claims_after",
        "Jobs that these workers claimed after the answer.",
        Bound(at_most=0),
        digits=0,
    ),
    Spec(
        "resume_p99_ms",
        "From before a resume to the first start on 8 paused workers, the slowest in a hundred.",
        Bound(at_most=50),
        digits=1,
    ),
    Spec(
        "limit_over",
        "The most job starts in any window of a shared rate limit, less the limit: 4 workers of "
        "2 pipelines, limits of 100, 1,000 and 50,000 a second, one worker killed, the limit "
        "raised. By the handlers' starts and by the grants' times, at worst.",
        Bound(at_most=0),
        digits=0,
    ),
    Spec(
        "limit_used",
        "Job starts over what the limit allows, with a period of 6 s (1,000 a second).",
        Bound(at_least=0.97),
        digits=3,
    ),
    Spec(
        "limit_used_1s",
        "The same with a period of 1 s (50,000 a second).",
        Bound(at_least=0.95),
        digits=3,
    ),
    Spec(
        "limit_used_bursts",
        "The same at 100 a second, with jobs that come in bursts.",
        Bound(at_least=0.9),
        digits=3,
    ),
    Spec(
        "limit_cost_ratio",
        "Drain of async no-op jobs under a limit that does not bind, over that without a limit.",
        Bound(at_least=0.8),
    ),
    Spec(
        "limit_bytes",
        "Memory of Redis for one limit, after all that.",
        Bound(at_most=16_384),
        digits=0,
    ),
    Spec(
        "redis_bytes_per_job",
        "Memory of Redis for one waiting job with one small argument.",
        Bound(),
        digits=0,
    ),
    Spec(
        "worker_rss_mib",
        "Resident memory of the worker after it ran a million jobs.",
        Bound(at_most=80),
        digits=1,
    ),
    Spec(
        "batch_speedup",
        "Jobs a second of no-op async jobs in batches of 100, over the same one by one.",
        Bound(at_least=1.3),
    ),
    Spec(
        "batch_fill",
        "Jobs of a batch over its size, on average: four workers and a deep queue.",
        Bound(at_least=0.95),
    ),
    Spec(
        "batch_late_ms",
        "From the moment when an open batch is due to its handler's start, "
        "idle worker, the latest in a hundred.",
        Bound(at_most=20),
    ),
)


def chosen(starts: Iterable[str], specs: Sequence[Spec] = SPECS) -> list[Spec]:
    """Return the figures whose names start with one of `starts`; all for none.

    Raises:
        UnknownFigureError: If one of them starts no figure's name.
    """
    wanted = [start for start in starts if start]
    for start in wanted:
        if not any(spec.name.startswith(start) for spec in specs):
            names = ", ".join(spec.name for spec in specs)
            raise UnknownFigureError(f"no figure's name starts with {start!r}; they are: {names}")
    return [spec for spec in specs if not wanted or spec.name.startswith(tuple(wanted))]
