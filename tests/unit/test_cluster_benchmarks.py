"""The benchmark on a cluster: what it counts, how it judges, and what it writes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.cluster.audit import Counts, count
from benchmarks.cluster.bench import _COMPUTE
from benchmarks.cluster.changes import Roll, judge_roll
from benchmarks.cluster.claims import Look, Pause, judge
from benchmarks.cluster.figures import SPECS
from benchmarks.cluster.kind import POLICY, configuration
from benchmarks.cluster.many import is_ready, is_synced
from benchmarks.cluster.operators import NAME, NAMESPACE
from benchmarks.cluster.pauses import Pauses
from benchmarks.cluster.report import SHOWN, Run, page
from benchmarks.figures import Figure, chosen
from benchmarks.machine import Machine

PROMISED = {
    "foreign_fields_lost",
    "live_settings_s",
    "operator_rss_mib",
    "pause_changing_p99_ms",
    "pause_hanging_p99_ms",
    "pause_leader_killed_s",
    "pause_max_ms",
    "pause_p50_ms",
    "pause_p99_ms",
    "ready_s",
    "repair_s",
    "roll_lost_or_repeated",
    "sync_2000_s",
    "sync_500_calls",
    "sync_500_s",
    "writes_at_rest",
}


def test_every_promised_figure_is_measured_under_its_name() -> None:
    """Scripts read the lines by name, so a renamed figure is a broken promise."""
    assert {spec.name for spec in SPECS} == PROMISED == _COMPUTE.keys()
    assert set(SHOWN) <= PROMISED


def test_a_part_is_chosen_among_the_cluster_figures() -> None:
    """`make bench-cluster FIGURES=sync` must not run the pauses, and knows no drains."""
    assert [spec.name for spec in chosen(["sync_500_c"], SPECS)] == ["sync_500_calls"]
    with pytest.raises(ValueError, match=r"'drain'.*ready_s"):
        chosen(["drain"], SPECS)


def test_the_last_claim_is_the_last_job_that_left_its_list() -> None:
    """A job that is given back makes the list longer, and is no claim."""
    looks = [
        Look(1_000_000, 900, False),
        Look(1_002_000, 890, False),
        Look(1_030_000, 880, True),
        Look(1_040_000, 885, True),
        Look(1_900_000, 885, True),
    ]

    assert judge(looks) == Pause(last_claim_ms=30, claims_after=0)


def test_a_claim_after_redis_had_the_pause_is_counted() -> None:
    """It would mean that a pause does not bind, which no time makes good."""
    looks = [Look(0, 9, True), Look(5_000, 6, True), Look(9_000, 6, True)]

    assert judge(looks) == Pause(last_claim_ms=5, claims_after=3)


def test_a_pause_without_a_later_claim_took_no_time() -> None:
    """It bound before kubectl had returned."""
    assert judge([Look(7_000, 3, True), Look(8_000, 3, True)]) == Pause(0, 0)


def test_the_latest_of_fifty_pauses_counts_for_the_hundredth() -> None:
    """With few tries the worst one must not vanish behind a percentile."""
    found = Pauses([Pause(0, 0)] * 48 + [Pause(100, 1), Pause(700, 2)])

    assert (found.p50_ms, found.max_ms, found.claims_after) == (0, 700, 3)
    assert 100 < found.p99_ms < 700


def event(verb: str, resource: str, **fields: Any) -> str:
    """Return a line of the audit log."""
    part = fields.pop("subresource", None)
    about = {"resource": resource} | ({"subresource": part} if part else {})
    given = {"stage": "ResponseComplete", "verb": verb, "requestURI": "/apis", "objectRef": about}
    return json.dumps(given | fields)


def test_writes_are_told_from_reads_dry_runs_and_the_lease() -> None:
    """Zero writes at rest means all writes but the renewals without which nobody leads."""
    lines = [
        event("get", "leases"),
        event("update", "leases"),
        event("watch", "pipelines", stage="ResponseStarted"),
        event("watch", "pipelines"),
        event("list", "pipelines"),
        event("patch", "deployments", requestURI="/apis?dryRun=All"),
        event("patch", "pipelines", subresource="status"),
        event("patch", "deployments"),
        event("patch", "deployments"),
        event("create", "events"),
    ]

    counts = count(lines)

    writes = {"patch pipelines/status": 1, "patch deployments": 2, "create events": 1}
    assert counts == Counts(lease=2, reads=2, tries=1, writes=writes)
    assert (counts.written, counts.total) == (4, 7)


def test_a_job_is_lost_that_never_started_or_never_completed() -> None:
    """A start alone is not what was promised for a job."""
    assert judge_roll(4, 4, [1, 1, 1, 1], 9.0) == Roll(4, 0, 0, 9.0)
    assert judge_roll(4, 3, [1, 1, 1], 9.0) == Roll(4, 1, 0, 9.0)
    assert judge_roll(4, 3, [1, 1, 1, 1], 9.0) == Roll(4, 1, 0, 9.0)
    assert judge_roll(4, 4, [1, 1, 2, 3], 9.0) == Roll(4, 0, 3, 9.0)


def pipeline(settings: str, workers: tuple[str, str], ready: str, observed: int = 2) -> Any:
    """Return a Pipeline of generation 2 with these conditions."""
    conditions = [
        {"type": "SettingsSynced", "status": settings},
        {"type": "WorkersAvailable", "status": workers[0], "reason": workers[1]},
        {"type": "Ready", "status": ready},
    ]
    status = {"observedGeneration": observed, "conditions": conditions}
    return {"metadata": {"generation": 2}, "status": status}


def test_a_pipeline_is_synced_when_the_operator_has_done_its_part() -> None:
    """Pods that are still to start are the cluster's part."""
    starting = pipeline("True", ("False", "Starting"), "False")
    done = pipeline("True", ("True", "Available"), "True")

    assert (is_synced(starting), is_ready(starting)) == (True, False)
    assert (is_synced(done), is_ready(done)) == (True, True)


@pytest.mark.parametrize(
    "found",
    [
        {"metadata": {"generation": 1}},
        pipeline("False", ("True", "Available"), "True"),
        pipeline("True", ("False", "NotDeployed"), "True"),
        pipeline("True", ("True", "Available"), "True", observed=1),
    ],
)
def test_a_pipeline_with_a_part_missing_is_not_synced(found: Any) -> None:
    """Each part alone would make the figure look better than it is."""
    assert not is_synced(found)
    assert not is_ready(found)


def test_the_audit_log_is_that_of_the_operator() -> None:
    """A policy for another user would count zero writes, and look perfect."""
    patch = json.loads(configuration("image:1")["kubeadmConfigPatches"][0])
    [mount] = configuration("")["nodes"][0]["extraMounts"]

    assert f'["system:serviceaccount:{NAMESPACE}:{NAME}"]' in POLICY.read_text()
    assert patch["apiServer"]["extraArgs"]["audit-policy-file"] == mount["containerPath"]
    assert configuration("image:1")["nodes"][0]["image"] == "image:1"
    assert "image" not in configuration("")["nodes"][0]


def test_the_page_holds_every_figure_and_loss() -> None:
    """The page is honest only if a missed line and the machine's load are on it."""
    values = dict.fromkeys(PROMISED, 0.0) | {"repair_s": 7.0}
    figures = [Figure(spec, values[spec.name], {"tries": 50, "lost": ""}) for spec in SPECS]
    machine = Machine("Example CPU", 2, 24, "Linux 6.1", "CPython 3.13.0", {})

    text = page(Run(figures, machine, 1.25, "Valkey 9.1.2", "v1.34.4"))

    for spec in SPECS:
        assert f"`{spec.name}`" in text
    assert "- `repair_s` is 7.00; its line is ≤ 5." in text
    assert "| load before | 1.2 |" in text
    assert "| `repair_s` | tries 50 |" in text
