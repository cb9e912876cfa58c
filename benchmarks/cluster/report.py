"""Write docs/performance-cluster.md from the measurements of one whole run.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure
from benchmarks.machine import Machine
from benchmarks.tables import figures_table, table, verdict

TEXT = """\
# Performance on a cluster

<!-- Written by `make bench-cluster`; an edit by hand is lost with the next run. -->

All figures are of one run on one machine, with a cluster of one node on it: the API server, the \
operator, the workers and Redis share the same cores.
[Performance](performance.md) has the figures of workers without Kubernetes.

```console
$ make bench-cluster                  # everything, about fifteen minutes
$ make bench-cluster FIGURES=pause    # the figures whose names start so; this page is left as it is
```

It makes a cluster with kind, builds both images, installs the chart with its defaults (two \
replicas of the operator), and deletes the cluster at the end.
It needs Docker, kind, kubectl and helm, and kwok for the figures with many Pipelines.
It ends with an error if a figure misses its line.

## Figures

{figures}

{verdict}

## What else was seen

{details}

## How each is measured

- Whatever is said of kubectl is measured with kubectl, from before it starts or from its return, \
as the figure says.
- **Claims** are seen in Redis, a thousand times a second and by Redis' own clock: a ready job \
leaves its list by being claimed and in no other way.
  The last claim is that before a half second without any; `claims_after` counts those that came \
after Redis had the pause.
- **Busy replicas** run jobs of 100 ms, ten at once each: a job is claimed every 2 ms.
- **Writes at rest** and all **calls** are counted in the audit log of the API server, by the \
operator's user, both replicas together.
  The Lease is left out: its holder renews it every two seconds, the other reads it every second.
- **A reconcile hangs** in an admission webhook that takes connections and never answers: each \
pause is sent while the API server waits there for the operator's write of a ConfigMap.
- **Live fields** are `maxDemand`, `concurrency`, `timeoutSeconds`, `retry` and `rateLimit`, \
changed together; a pod obeys them when its heartbeat in Redis says so, which comes twice a second.
- **Jobs lost or run twice** are counted by the handler itself, in Redis, at each start; a job \
that did not complete is lost, too.
- **The Pipelines in hundreds** have pods that kwok pretends to run, so that one machine can hold \
them; Pipelines, Deployments, settings and the operator's work are real.
  The clock starts with `kubectl scale` of an operator that does not run, so the start of its \
process counts.
  The controllers of the cluster may make 1,000 calls a second in place of 20.
- **Memory** is `VmHWM` and `VmRSS` of the process that leads.

## Machine and versions

{machine}
"""

SHOWN = (
    "pause_p99_ms",
    "pause_hanging_p99_ms",
    "pause_leader_killed_s",
    "pause_changing_p99_ms",
    "roll_lost_or_repeated",
    "repair_s",
    "sync_500_s",
    "sync_500_calls",
    "sync_2000_s",
)
"""Figures whose details are worth a line."""


@dataclass(frozen=True, slots=True)
class Run:
    """All that a whole run measured."""

    figures: Sequence[Figure]
    machine: Machine
    load: float
    """Average of the last minute before it."""
    server: str
    kubernetes: str


def page(run: Run) -> str:
    """Return the page."""
    return TEXT.format(
        figures=figures_table(run.figures),
        verdict=verdict(run.figures),
        details=_details(run.figures),
        machine=_machine(run),
    )


def _details(figures: Sequence[Figure]) -> str:
    rows = []
    for figure in figures:
        if figure.spec.name in SHOWN:
            told = [f"{name} {value}" for name, value in figure.detail.items() if value != ""]
            rows.append((f"`{figure.spec.name}`", " · ".join(told)))
    return table(("figure", "details"), rows)


def _machine(run: Run) -> str:
    machine = run.machine
    rows = [
        ("processor", f"{machine.processor}, {machine.cores} cores"),
        ("memory", f"{machine.memory_gib} GiB"),
        ("system", machine.system),
        ("load before", f"{run.load:.1f}"),
        ("Kubernetes", f"{run.kubernetes}, one node, by kind"),
        ("Redis", f"{run.server}, no persistence, beside the cluster"),
    ]
    return table(("what", "which"), rows)
