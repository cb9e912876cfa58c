"""Makes the status of a Pipeline from what was seen.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flume import PauseInfo
from flume_operator.conditions import Finding, Reason, Type, as_conditions
from flume_operator.objects import PIPELINE_LABEL
from flume_operator.synced import Synced

MOST_PAUSES = 100
"""As many as the schema allows."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that a status is made of."""

    name: str
    generation: int
    spec: Finding
    synced: Synced
    deployment: Mapping[str, Any] | None = None
    """As ``objects.Child`` keeps it."""
    refused: tuple[Reason, str] | None = None
    """Why a child could not be made, in the words of the API server."""
    desired: int = 1
    image: str | None = None
    """Of the workers; None where the spec is not valid."""
    is_deleting: bool = False


def make(seen: Seen, before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the whole status.

    Args:
        seen: What was seen.
        before: The status now: what cannot be known this time is kept from it.
        now: For transitions.
    """
    deployed = seen.deployment or {}
    pods = deployed.get("status", {})
    status: dict[str, Any] = {
        "observedGeneration": seen.generation,
        "replicas": pods.get("replicas", 0),
        "readyReplicas": pods.get("readyReplicas", 0),
        "desiredReplicas": deployed.get("replicas", seen.desired),
        "image": seen.image,
        "selector": f"{PIPELINE_LABEL}={seen.name}",
        "keyPrefix": seen.synced.prefix,
        "rate": seen.synced.rate,
        "settings": _settings(seen, before),
        "conditions": as_conditions(
            _findings(seen), generation=seen.generation, before=before.get("conditions"), now=now
        ),
    }
    if seen.synced.looked is not None:
        status["paused"] = any(pause.worker is None for pause in seen.synced.looked.pauses)
        status["pausedBy"] = [_pause(pause) for pause in seen.synced.looked.pauses[:MOST_PAUSES]]
    else:
        status["paused"], status["pausedBy"] = before.get("paused"), before.get("pausedBy")
    return {key: value for key, value in status.items() if value is not None}


def change(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the merge patch from one status to another; None where they are equal."""
    patch = {key: value for key, value in after.items() if before.get(key) != value}
    patch |= {key: None for key in before if key not in after}
    return patch or None


def has_taken(before: Mapping[str, Any], generation: int) -> bool:
    """Return whether a status says that the API server has taken this generation of the spec."""
    return any(
        item.get("type") == Type.SPEC_VALID
        and item.get("status") == "True"
        and item.get("observedGeneration") == generation
        for item in before.get("conditions") or ()
    )


def _findings(seen: Seen) -> list[Finding]:
    workers, paused = _workers(seen), _paused(seen)
    return [
        _ready(seen, workers, paused),
        seen.spec,
        seen.synced.finding,
        workers,
        paused,
        _drained(seen, paused),
    ]


def _ready(seen: Seen, workers: Finding, paused: Finding) -> Finding:
    if seen.is_deleting:
        return Finding(Type.READY, False, Reason.DELETING, "It is being deleted.")
    for part in (seen.spec, seen.synced.finding, workers):
        if part.status is not True:
            return Finding(Type.READY, False, part.reason, part.message)
    if paused.status:
        return Finding(Type.READY, True, paused.reason, f"{workers.message} {paused.message}")
    settings = seen.synced.finding
    told = workers if settings.reason == Reason.SYNCED else settings
    return Finding(Type.READY, True, told.reason, told.message)


def _workers(seen: Seen) -> Finding:
    def found(is_so: bool | None, reason: Reason, message: str) -> Finding:
        return Finding(Type.WORKERS_AVAILABLE, is_so, reason, message)

    if seen.refused:
        return found(False, *seen.refused)
    if seen.deployment is None:
        return found(False, Reason.NOT_DEPLOYED, "There is no Deployment yet.")
    pods, wanted = seen.deployment.get("status", {}), seen.deployment.get("replicas")
    wanted = seen.desired if wanted is None else wanted
    if wanted == 0:
        return found(False, Reason.SCALED_TO_ZERO, "replicas is 0, so no worker runs.")
    ready, said = pods.get("readyReplicas", 0), _pod_conditions(pods)
    counted = f"{ready} of {wanted} worker{'s' * (wanted != 1)} ready."
    details = f"Details: kubectl describe pods -l {PIPELINE_LABEL}={seen.name}"
    if said["ReplicaFailure"][0] == "True":
        return found(ready > 0, Reason.PODS_REFUSED, f"{counted} {said['ReplicaFailure'][2]}")
    if said["Progressing"][1] == "ProgressDeadlineExceeded":
        message = f"{counted} No progress for ten minutes. {details}"
        return found(said["Available"][0] == "True", Reason.NOT_PROGRESSING, message)
    is_current = pods.get("observedGeneration", 0) >= seen.deployment.get("generation", 0)
    if not (said["Available"][0] == "True" and ready and is_current):
        return found(False, Reason.STARTING, f"{counted} {details}")
    if old := pods.get("replicas", 0) - pods.get("updatedReplicas", 0):
        message = f"{counted} {old} with the image and settings before. {details}"
        return found(True, Reason.UPDATING, message)
    return found(True, Reason.AVAILABLE, counted)


def _pod_conditions(pods: Mapping[str, Any]) -> dict[str, tuple[str, str, str]]:
    """Return status, reason and message of each condition of a Deployment."""
    found = dict.fromkeys(("Available", "Progressing", "ReplicaFailure"), ("", "", ""))
    for item in pods.get("conditions", ()):
        found[item["type"]] = (item["status"], item.get("reason", ""), item.get("message", ""))
    return found


def _paused(seen: Seen) -> Finding:
    if seen.synced.looked is None:
        message = "Redis could not be asked; a pause that is in force stays so."
        return Finding(Type.PAUSED, None, Reason.UNKNOWN, message)
    for pause in seen.synced.looked.pauses:
        if pause.worker is None:
            return Finding(
                Type.PAUSED, True, _PAUSED_BY.get(pause.source, Reason.UNKNOWN), _by(pause)
            )
    return Finding(Type.PAUSED, False, Reason.NOT_PAUSED, "No pause is in force.")


_PAUSED_BY = {
    "spec": Reason.PAUSED_BY_SPEC,
    "client": Reason.PAUSED_BY_CLIENT,
    "all": Reason.PAUSED_FOR_ALL,
}


def _by(pause: PauseInfo) -> str:
    until = f" until {_moment(pause.until)}" if pause.until else ""
    who = f" by {pause.by}" if pause.by else ""
    why = f": {pause.reason}" if pause.reason else ""
    return f"Paused{who}{until}{why}."


def _drained(seen: Seen, paused: Finding) -> Finding:
    if seen.synced.looked is None:
        return Finding(Type.DRAINED, None, Reason.UNKNOWN, "Redis could not be asked.")
    running = seen.synced.looked.running
    if not paused.status and not seen.is_deleting:
        message = "It is not paused, so jobs are claimed."
        return Finding(Type.DRAINED, False, Reason.CLAIMING, message)
    if running:
        message = f"{running} job{'s' * (running != 1)} still run{'s' * (running == 1)}."
        return Finding(Type.DRAINED, False, Reason.FINISHING, message)
    return Finding(Type.DRAINED, True, Reason.NOTHING_RUNS, "No job runs, and none is claimed.")


def _settings(seen: Seen, before: Mapping[str, Any]) -> dict[str, Any] | None:
    old, place = before.get("settings") or {}, seen.synced.place
    in_force = {
        "generation": seen.synced.generation,
        "secretName": place.secret.name if place else None,
        "secretKey": place.secret_key if place else None,
        "keyPrefix": place.prefix if place else None,
    }
    if seen.synced.generation is None:
        in_force = {name: old.get(name) for name in in_force}
    found = in_force | {
        "workers": seen.synced.looked.workers if seen.synced.looked else None,
        "acknowledgedWorkers": seen.synced.looked.acknowledged if seen.synced.looked else None,
    }
    return {key: value for key, value in found.items() if value is not None} or None


def _pause(pause: PauseInfo) -> dict[str, Any]:
    found = {
        "source": pause.source,
        "reason": pause.reason[:1024] or None,
        "by": pause.by[:128] or None,
        "since": _moment(pause.since) if pause.since else None,
        "until": _moment(pause.until) if pause.until else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
