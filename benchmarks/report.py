"""Write docs/performance.md from the measurements of one whole run.

Pure: what is measured comes in, text goes out.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.bench import Rivals
from benchmarks.drains import ASYNC_JOBS, ROUNDS, SYNC_JOBS, LongQueue, Rounds
from benchmarks.enqueues import Many
from benchmarks.figures import Figure
from benchmarks.flume_side import CONCURRENCY, MAX_DEMAND
from benchmarks.latency import Latency
from benchmarks.machine import Machine
from benchmarks.race import Drain
from benchmarks.tables import figures_table, table, verdict

TEXT = """\
# Performance

<!-- Written by `make bench`; an edit by hand is lost with the next run. -->

All figures are of one run on one machine, the server and the worker on the same cores.
Absolute rates move with the machine: compare ratios, and run it yourself.
[Performance on a cluster](performance-cluster.md) has the figures of the operator and of worker \
pods.

```console
$ make bench                  # everything, about five minutes
$ make bench FIGURES=drain    # the figures whose names start so; this page is left as it is
```

## Figures

{figures}

{verdict}

## Drains

No-op jobs, one worker process, in turns on the same server.

{drains}

The yardstick is `benchmarks/yardstick.py`: the same structures in Redis, claims of 500, one Lua \
call to claim and one to complete, the fence checked, each job decoded and run as a task.
It has no heartbeat, retries, metrics, events or orderly stop, so the ratio is the price of \
these.
Flume runs `flume worker --max-demand {max_demand} --concurrency {concurrency}` with leases, \
heartbeat, metrics and events on.

## Rivals

{rivals}

“Enqueued” is how fast the driver filled the queue with what the library offers, in one process; \
it is not a race, and `enqueue_many` is named for Flume.
Each rival runs in an environment of its own, with the versions of \
`benchmarks/rivals/<rival>/requirements.txt`, and by its own driver in the same folder.
{unavailable}
### Their settings

The rule: acknowledged after the run, so that a killed worker loses nothing; no results kept; \
one worker process; then the fastest values that were found.

{settings}

## What the numbers mean

- A drain of jobs that do nothing measures what the library adds to a job, and nothing else.
  A handler that waits 10 ms for a mail server hides all differences of this page but the \
concurrency.
- The clock runs from the first handler's start until every job ran and the server holds none of \
them: starting a process is not counted, storing the last outcome is.
- Every handler raises one byte of shared memory for its own job, so that a lost job fails the \
run and a repeated one is counted.
- The server keeps nothing on disk, for anyone.
  With an append-only file all rates are lower, and those with a call a job lose most.
- Client, worker and server are on one machine: there is no network between them.
  A library with a call or more for each job loses more to a network than one with a call for \
hundreds.
- `drain_million_over_ten_thousand` compares one warm worker with itself: its queue is filled \
while the process is held, and the rate of ten thousand is the median of {short_rounds} drains.
- `enqueue_many_per_s` times the call alone; with `handler.job(…)` for each job it is \
{with_making} jobs a second.
- `latency_p50_ms` is two trips to Redis, each of which wakes a process: the enqueue and the claim.
  Two trips of bare redis-py, with nothing around them, took {bare_p50} ms in this run \
({bare_p99} ms the slowest in a hundred): below that no design comes on this machine.
- `idle_calls_per_s` counts what the worker sends, seen with MONITOR for ten seconds; \
commands inside its scripts are not calls.
- `worker_rss_mib` was {rss_before} MiB before the million and never above {rss_peak} MiB.
- The rounds of one contestant differed by up to {spread} in this run: \
smaller differences between contestants mean nothing.
  Of a rival the better of two drains counts, of Flume the median.
- Only the rivals' drain is measured: this page says nothing about their latency, memory or \
behaviour when something fails.

## Machine and versions

{machine}
"""


@dataclass(frozen=True, slots=True)
class Run:
    """All that a whole run measured."""

    figures: Sequence[Figure]
    rounds: Rounds
    rivals: Rivals
    long_queue: LongQueue
    many: Many
    bare_latency: Latency
    machine: Machine
    server: str


def page(run: Run) -> str:
    """Return the page."""
    long = run.long_queue
    return TEXT.format(
        figures=figures_table(run.figures),
        verdict=verdict(run.figures),
        drains=_drains(run.rounds),
        max_demand=MAX_DEMAND,
        concurrency=CONCURRENCY,
        rivals=_rivals(run),
        unavailable=_unavailable(run.rivals),
        settings=_settings(run.rivals),
        short_rounds=len(long.short),
        with_making=_rate(run.many.with_making_per_s),
        bare_p50=f"{run.bare_latency.p50_ms:.2f}",
        bare_p99=f"{run.bare_latency.p99_ms:.2f}",
        rss_before=f"{long.rss_before_mib:.1f}",
        rss_peak=f"{long.rss_peak_mib:.1f}",
        spread=_spread(run.rounds),
        machine=_machine(run.machine, run.server),
    )


def _drains(rounds: Rounds) -> str:
    numbered = [f"round {number}" for number in range(1, ROUNDS + 1)]

    def row(name: str, drains: Sequence[Drain], jobs: int) -> tuple[str, ...]:
        rates = [drain.per_second for drain in drains]
        shown = [_rate(rate) for rate in rates]
        return (name, f"{jobs:,}", *shown, _rate(statistics.median(rates)), _repeats(drains))

    rows = [
        row("yardstick", rounds.yardstick, ASYNC_JOBS),
        row("Flume, async handler", rounds.flume_async, ASYNC_JOBS),
        row("Flume, sync handler", rounds.flume_sync, SYNC_JOBS),
    ]
    head = ("jobs a second", "jobs", *numbered, "median", "run twice")
    return table(head, rows, numbers=set(range(1, len(head))))


def _rivals(run: Run) -> str:
    flume = statistics.median(drain.per_second for drain in run.rounds.flume_async)
    ours = (
        "Flume",
        "this checkout",
        _rate(flume),
        "1.0",
        f"{ASYNC_JOBS:,}",
        _repeats(run.rounds.flume_async),
        _rate(run.many.with_making_per_s),
    )
    theirs = [
        (
            result.name,
            f"{result.version} on Python {result.python}",
            _rate(result.drain_per_s),
            f"{flume / result.drain_per_s:.1f}",
            f"{result.jobs:,}",
            f"{result.repeats:,}",
            _rate(result.enqueue_per_s),
        )
        for result in sorted(run.rivals.results, key=lambda rival: -rival.drain_per_s)
    ]
    head = ("", "version", "drained/s", "Flume is × as fast", "jobs", "run twice", "enqueued/s")
    return table(head, [ours, *theirs], numbers={2, 3, 4, 5, 6})


def _unavailable(rivals: Rivals) -> str:
    if not rivals.unavailable:
        return ""
    reasons = [f"- {name}: {why}" for name, why in rivals.unavailable.items()]
    return "\n".join(["", "Not measured in this run:", "", *reasons, ""])


def _settings(rivals: Rivals) -> str:
    parts = []
    for result in sorted(rivals.results, key=lambda rival: rival.name):
        rows = [(f"`{s.name}`", f"`{s.value}`", s.why) for s in result.settings]
        parts.append(f"#### {result.name}\n\n{table(('setting', 'value', 'why'), rows)}")
    return "\n\n".join(parts)


def _machine(machine: Machine, server: str) -> str:
    rows = [
        ("processor", f"{machine.processor}, {machine.cores} cores"),
        ("memory", f"{machine.memory_gib} GiB"),
        ("system", machine.system),
        ("server", f"{server}, no persistence, on the loopback interface"),
        ("Python", machine.python),
        *machine.libraries.items(),
    ]
    return table(("what", "which"), rows)


def _spread(rounds: Rounds) -> str:
    contestants = (rounds.yardstick, rounds.flume_async, rounds.flume_sync)
    rates = [[drain.per_second for drain in drains] for drains in contestants]
    return f"{max(max(of_one) / min(of_one) - 1 for of_one in rates):.0%}"


def _repeats(drains: Iterable[Drain]) -> str:
    return f"{sum(drain.repeats for drain in drains):,}"


def _rate(per_second: float) -> str:
    """Return a rate with three digits that count."""
    digits = max(0, len(f"{per_second:.0f}") - 3)
    return f"{round(per_second, -digits):,.0f}"
