"""What became of a Pipeline's settings in Redis, and what is said of it.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flume import PauseInfo
from flume.control import Applied, Write
from flume.control import Seen as QueueSeen
from flume.errors import (
    FlumeError,
    ServerFullError,
    ServerRefusedError,
    ServerUnavailableError,
    SettingsUnreadableError,
)
from flume.manifest import Manifest
from flume_operator.conditions import Finding, Reason, Type
from flume_operator.moving import Place
from flume_operator.objects import Pipeline


@dataclass(frozen=True, slots=True)
class Looked:
    """What Redis says of a queue."""

    pauses: Sequence[PauseInfo] = ()
    workers: int = 0
    """That are alive."""
    acknowledged: int = 0
    """Those among them that obey the settings in force."""
    running: int = 0
    """Jobs that run."""


@dataclass(frozen=True, slots=True)
class Synced:
    """What became of a Pipeline's settings, and what its queue is like."""

    finding: Finding
    prefix: str
    generation: int | None = None
    """Of the Pipeline whose settings are in force; None: not known."""
    rate: str | None = None
    looked: Looked | None = None
    place: Place | None = None
    """Where they are in force; None: not known."""
    again_s: float | None = None
    """Until Redis, which did not answer, is to be asked again; None: there is no hurry."""

    @property
    def is_held(self) -> bool:
        """Whether another owner holds the queue."""
        return self.finding.reason == Reason.QUEUE_CONFLICT


def judge(manifest: Manifest, pipeline: Pipeline, applied: Applied) -> tuple[Finding, str | None]:
    """Return what is to be said of the settings, and the rate limit in force."""
    holder, queue = applied.holder, manifest.spec.queue
    if applied.write is Write.HELD:
        message = (
            f"The queue {queue} belongs to {holder.name}, which is older: its settings are in "
            "force. Delete one of the two, or give this one another queue."
        )
        return _not(Reason.QUEUE_CONFLICT, message), None
    if applied.write is Write.GONE:
        message = (
            f"The queue {queue} was taken from this Pipeline while it was thought to be deleted. "
            "Delete it and make it again."
        )
        return _not(Reason.QUEUE_CONFLICT, message), None
    if not applied.is_in_force:
        message = (
            f"Generation {pipeline.generation} came after a newer one ({holder.spec} of "
            f"{holder.name}), whose settings stay in force."
        )
        return _not(Reason.UNKNOWN, message), None
    limit = applied.limit
    rate = f"{limit.count}/{limit.period_ms / 1000:g}s" if limit and limit.count else None
    own = manifest.spec.rate_limit
    if limit is not None and own is not None and (limit.is_mismatch or limit.others_differ):
        message = (
            f"Pipelines that share the rate limit {own.key} give different ones; the strictest, "
            f"{rate}, holds. Give all of them the same count and period."
        )
        return Finding(Type.SETTINGS_SYNCED, True, Reason.RATE_LIMIT_MISMATCH, message), rate
    message = "The settings are in force in Redis."
    return Finding(Type.SETTINGS_SYNCED, True, Reason.SYNCED, message), rate


def looked(seen: QueueSeen, uid: str) -> Looked:
    """Return what the status says of a queue; workers that obey another owner's settings do not."""
    is_own = seen.record is not None and seen.record.owner.uid == uid
    return Looked(
        pauses=seen.pauses,
        workers=len(seen.workers),
        acknowledged=seen.acknowledged if is_own else 0,
        running=seen.counts.running,
    )


_REASONS: tuple[tuple[type[FlumeError], Reason], ...] = (
    (ServerUnavailableError, Reason.REDIS_UNAVAILABLE),
    (ServerRefusedError, Reason.REDIS_REFUSED),
    (ServerFullError, Reason.REDIS_FULL),
    (SettingsUnreadableError, Reason.REDIS_UNREADABLE),
)


def unreached(prefix: str, error: FlumeError, secret: str, *, again_s: float | None) -> Synced:
    """Return that Redis did not do what was asked.

    Args:
        prefix: Of the keys.
        error: Of Redis.
        secret: Name of the Secret with its address.
        again_s: Until it is to be asked again.
    """
    kinds = (reason for kind, reason in _REASONS if isinstance(error, kind))
    reason = next(kinds, Reason.REDIS_UNREADABLE)
    said = f"Redis (Secret {secret}): {error} Workers that run go on by the settings they have."
    return Synced(_not(reason, said), prefix, again_s=again_s)


def unsynced(prefix: str, reason: Reason, message: str) -> Synced:
    """Return that settings were not written."""
    return Synced(_not(reason, message), prefix)


def _not(reason: Reason, message: str) -> Finding:
    return Finding(Type.SETTINGS_SYNCED, False, reason, message)
