"""Measure how soon the operator puts back what somebody changed beside it, and what it leaves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.cluster.kube import Object
from benchmarks.cluster.stage import Stage
from benchmarks.cluster.waiting import until

NAME = "repair"
TRIES = 5
REPAIR_SECONDS = 60.0
GRACE_SECONDS = 60  # of the pods, by default
FOREIGN_REPLICAS = 3
NOTE, LABEL = "example.com/owner", "example.com/team"


@dataclass(frozen=True, slots=True)
class Repairs:
    """Seconds from kubectl's return until all was as before."""

    deleted_s: list[float]
    edited_s: list[float]
    foreign_lost: list[str]
    """Fields of others that the operator did not leave alone."""


def measure_repairs(stage: Stage) -> Repairs:
    """Delete and edit the Deployment of a Pipeline again and again."""
    with stage.pipeline(NAME):
        stage.await_workers(NAME, 1)
        deleted = [_delete(stage) for _ in range(TRIES)]
        _take_over(stage)
        edited = [_edit(stage, number) for number in range(TRIES)]
        return Repairs(deleted, edited, _foreign_lost(stage))


def _delete(stage: Stage) -> float:
    before = _deployment(stage)["metadata"]["uid"]
    stage.kube.kubectl("delete", "deployment", NAME, "--wait=false")
    return _seconds_until(stage, lambda found: found["metadata"]["uid"] != before)


def _edit(stage: Stage, number: int) -> float:
    grace = {"terminationGracePeriodSeconds": 5 + number}
    patch = {"spec": {"template": {"spec": grace}}}
    stage.kube.kubectl("patch", "deployment", NAME, "--patch", json.dumps(patch))
    return _seconds_until(stage, lambda found: _grace(found) == GRACE_SECONDS)


def _seconds_until(stage: Stage, is_repaired: Callable[[Object], bool]) -> float:
    returned = time.monotonic()

    def is_there() -> bool:
        found = stage.deployment(NAME)
        return found is not None and is_repaired(found)

    until(is_there, REPAIR_SECONDS, "a repair", poll=0.01)
    return time.monotonic() - returned


def _take_over(stage: Stage) -> None:
    """Set what others own: an autoscaler its replicas, people their notes."""
    scale = json.dumps({"spec": {"replicas": FOREIGN_REPLICAS}})
    as_hpa = ("--subresource", "scale", "--field-manager", "horizontal-pod-autoscaler")
    kubectl = stage.kube.kubectl
    kubectl("patch", "deployment", NAME, *as_hpa, "--type", "merge", "--patch", scale)
    kubectl("annotate", "deployment", NAME, f"{NOTE}=team-a")
    kubectl("label", "deployment", NAME, f"{LABEL}=a")


def _foreign_lost(stage: Stage) -> list[str]:
    """Let the operator write the Deployment once more, and return what is not there any longer."""
    stage.patch(NAME, {"pod": {"terminationGracePeriodSeconds": GRACE_SECONDS + 1}})
    until(lambda: _grace(_deployment(stage)) == GRACE_SECONDS + 1, REPAIR_SECONDS, "a change")
    found = _deployment(stage)
    metadata = found["metadata"]
    kept = {
        "replicas": found["spec"]["replicas"] == FOREIGN_REPLICAS,
        NOTE: metadata.get("annotations", {}).get(NOTE) == "team-a",
        LABEL: metadata["labels"].get(LABEL) == "a",
    }
    return [name for name, is_kept in kept.items() if not is_kept]


def _deployment(stage: Stage) -> Object:
    found = stage.deployment(NAME)
    assert found is not None
    return found


def _grace(deployment: Object) -> int:
    return int(deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"])
