"""The conditions of a Pipeline and the reasons they can have.  Pure.

``docs/reference/operator.md`` lists them; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Type(StrEnum):
    """What a condition is about, in the order in which status lists them."""

    READY = "Ready"
    SPEC_VALID = "SpecValid"
    SETTINGS_SYNCED = "SettingsSynced"
    WORKERS_AVAILABLE = "WorkersAvailable"
    PAUSED = "Paused"
    DRAINED = "Drained"


class Reason(StrEnum):
    """Why a condition is what it is."""

    # SpecValid
    VALID = "Valid"
    INVALID = "Invalid"
    REFUSED = "RefusedByApiServer"
    UNSUPPORTED = "Unsupported"
    # SettingsSynced
    SYNCED = "Synced"
    SECRET_MISSING = "SecretMissing"
    SECRET_INVALID = "SecretInvalid"
    REDIS_UNAVAILABLE = "RedisUnavailable"
    REDIS_REFUSED = "RedisRefused"
    REDIS_FULL = "RedisFull"
    REDIS_UNREADABLE = "RedisUnreadable"
    QUEUE_CONFLICT = "QueueConflict"
    RATE_LIMIT_MISMATCH = "RateLimitMismatch"
    # WorkersAvailable
    AVAILABLE = "Available"
    UPDATING = "Updating"
    STARTING = "Starting"
    SCALED_TO_ZERO = "ScaledToZero"
    PODS_REFUSED = "PodsRefused"
    NOT_PROGRESSING = "NotProgressing"
    NOT_DEPLOYED = "NotDeployed"
    FORBIDDEN = "Forbidden"
    # Paused
    NOT_PAUSED = "NotPaused"
    PAUSED_BY_SPEC = "PausedBySpec"
    PAUSED_BY_CLIENT = "PausedByClient"
    PAUSED_FOR_ALL = "AllQueuesPaused"
    # Drained
    CLAIMING = "Claiming"
    FINISHING = "Finishing"
    NOTHING_RUNS = "NothingRuns"
    # several
    UNKNOWN = "Unknown"
    DELETING = "Deleting"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said of one aspect; ``status`` None is Unknown."""

    type: Type
    status: bool | None
    reason: Reason
    message: str


def as_conditions(
    findings: Iterable[Finding], *, generation: int, before: Any, now: datetime
) -> list[dict[str, Any]]:
    """Return conditions as Kubernetes keeps them.

    Args:
        findings: One for each type.
        generation: Of the Pipeline that was judged.
        before: The conditions in the status now: the time of a transition is kept.
        now: Time of the transitions that are new.
    """
    known = {item.get("type"): item for item in before or () if isinstance(item, Mapping)}
    moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = []
    for finding in findings:
        status = "Unknown" if finding.status is None else str(finding.status)
        old = known.get(finding.type.value, {})
        is_same = old.get("status") == status and "lastTransitionTime" in old
        made.append(
            {
                "type": finding.type.value,
                "status": status,
                "observedGeneration": generation,
                "lastTransitionTime": old["lastTransitionTime"] if is_same else moment,
                "reason": finding.reason.value,
                "message": finding.message[:32_000],
            }
        )
    return made
