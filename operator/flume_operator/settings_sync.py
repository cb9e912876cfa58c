"""Puts the settings of a Pipeline in force in Redis, and looks at its queue there."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from flume.control import Applied, Control, Owner, Write
from flume.control import Seen as QueueSeen
from flume.errors import (
    ConfigurationError,
    FlumeError,
    NameRefusedError,
    ServerFullError,
    ServerRefusedError,
    ServerUnavailableError,
    SettingsUnreadableError,
)
from flume.manifest import Manifest
from flume_operator.api import Api
from flume_operator.conditions import Finding, Reason, Type
from flume_operator.controls import Controls
from flume_operator.credentials import Credentials
from flume_operator.errors import CredentialsError, ForbiddenError, MissingError
from flume_operator.gauges import QueueGauges
from flume_operator.objects import Key, Pipeline
from flume_operator.options import Options
from flume_operator.status import Looked

logger = logging.getLogger("flume_operator.settings_sync")


@dataclass(frozen=True, slots=True)
class Synced:
    """What became of a Pipeline's settings, and what its queue is like."""

    finding: Finding
    prefix: str
    generation: int | None = None
    """Of the Pipeline whose settings are in force; None: not known."""
    rate: str | None = None
    looked: Looked | None = None

    @property
    def is_held(self) -> bool:
        """Whether another owner holds the queue."""
        return self.finding.reason == Reason.QUEUE_CONFLICT


_Call = Callable[[Pipeline, Manifest, Control], Awaitable[Synced]]


class SettingsSync:
    """Writes settings.

    Args:
        api: For Secrets, and to ask whether the owner of a queue is gone.
        credentials: Where each Redis is.
        controls: Of each Redis.
        options: For the key prefix.
        home: Name of this cluster: owners with another are not known to be gone.
        gauges: Shown what is seen of each queue.
    """

    def __init__(
        self,
        api: Api,
        credentials: Credentials,
        controls: Controls,
        options: Options,
        *,
        home: str,
        gauges: QueueGauges,
    ) -> None:
        self._api = api
        self._credentials = credentials
        self._controls = controls
        self._options = options
        self._home = home
        self._gauges = gauges

    def owner(self, pipeline: Pipeline) -> Owner:
        """Return who writes for a Pipeline."""
        return Owner(
            str(pipeline.key),
            pipeline.uid,
            pipeline.created_ms,
            pipeline.generation,
            home=self._home,
        )

    def prefix(self, manifest: Manifest, namespace: str) -> str:
        """Return the start of a Pipeline's keys."""
        return manifest.spec.redis.key_prefix or self._options.prefix_in(namespace)

    async def sync(self, pipeline: Pipeline, manifest: Manifest) -> Synced:
        """Put the settings in force where they are not, and look at the queue."""
        return await self._tried(pipeline, manifest, self._applied)

    async def look(self, pipeline: Pipeline, manifest: Manifest) -> Synced:
        """Only look at the queue."""
        return await self._tried(pipeline, manifest, self._seen)

    async def _tried(self, pipeline: Pipeline, manifest: Manifest, call: _Call) -> Synced:
        prefix = self.prefix(manifest, pipeline.key.namespace)
        ref = manifest.spec.redis.secret_ref
        try:
            async with self.control(pipeline, manifest) as control:
                return await call(pipeline, manifest, control)
        except CredentialsError as error:
            reason = Reason.SECRET_MISSING if error.is_missing else Reason.SECRET_INVALID
            return Synced(_not(reason, str(error)), prefix)
        except (ConfigurationError, NameRefusedError) as error:
            message = f"Secret {ref.name}, key {ref.key}: {error}"
            return Synced(_not(Reason.SECRET_INVALID, message), prefix)
        except FlumeError as error:
            return Synced(_not(reason_of(error), _said(error, ref.name)), prefix)

    async def _applied(self, pipeline: Pipeline, manifest: Manifest, control: Control) -> Synced:
        applied = await self._apply(pipeline, manifest, control)
        seen = await control.look(manifest.spec.queue)
        self._show(pipeline, manifest, seen)
        finding, rate = judge(manifest, pipeline, applied)
        generation = pipeline.generation if applied.is_in_force else None
        return Synced(finding, control.prefix, generation, rate, looked(seen, pipeline.uid))

    def _show(self, pipeline: Pipeline, manifest: Manifest, seen: QueueSeen) -> None:
        """Show a queue in the metrics, by the Pipeline that owns it and no other."""
        if seen.record is not None and seen.record.owner.uid == pipeline.uid:
            self._gauges.saw(pipeline.key, pipeline.uid, manifest.spec.queue, seen.counts)
        else:
            self._gauges.forget(pipeline.key, pipeline.uid)

    async def _seen(self, pipeline: Pipeline, manifest: Manifest, control: Control) -> Synced:
        seen = await control.look(manifest.spec.queue)
        message = "It is being deleted, and its settings are in force until then."
        finding = Finding(Type.SETTINGS_SYNCED, True, Reason.DELETING, message)
        return Synced(finding, control.prefix, looked=looked(seen, pipeline.uid))

    async def _apply(self, pipeline: Pipeline, manifest: Manifest, control: Control) -> Applied:
        owner = self.owner(pipeline)
        applied = await control.apply(manifest, owner)
        holder = applied.holder
        if applied.write is Write.HELD and await self._is_gone(holder):
            logger.info("queue_freed", extra={"queue": manifest.spec.queue, "owner": holder.name})
            applied = await control.apply(
                manifest, owner, is_gone=lambda found: found.uid == holder.uid
            )
        return applied

    async def _is_gone(self, holder: Owner) -> bool:
        """Whether the Pipeline that holds a queue is no more.

        The API server is asked, for a cache that is behind would take a queue from a live one.
        """
        namespace, _, name = holder.name.partition("/")
        if not name or not self._home or holder.home != self._home:
            return False
        try:
            found = await self._api.get("Pipeline", Key(namespace, name))
        except MissingError:
            return True
        except ForbiddenError:  # looked after by another operator
            return False
        return bool(found["metadata"]["uid"] != holder.uid)

    async def release(self, pipeline: Pipeline, manifest: Manifest) -> None:
        """Free the queue of a Pipeline that is gone."""
        async with self.control(pipeline, manifest) as control:
            await control.release(manifest.spec.queue, pipeline.uid)

    @asynccontextmanager
    async def control(self, pipeline: Pipeline, manifest: Manifest) -> AsyncIterator[Control]:
        """Lend the control of a Pipeline's Redis; what it raises makes its Secret doubtful.

        Raises:
            CredentialsError: If the Secret is missing or wrong.
            FlumeError: If the Redis does not do what is asked.
        """
        namespace, ref = pipeline.key.namespace, manifest.spec.redis.secret_ref
        secret = Key(namespace, ref.name)
        url = await self._credentials.url(secret, ref.key)
        try:
            async with self._controls.use(url, self.prefix(manifest, namespace)) as control:
                yield control
        except FlumeError:
            self._credentials.doubt(secret, ref.key)
            raise


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


def reason_of(error: FlumeError) -> Reason:
    """Return the reason that an error of Redis is."""
    return next((r for kind, r in _REASONS if isinstance(error, kind)), Reason.REDIS_UNREADABLE)


def unsynced(prefix: str, reason: Reason, message: str) -> Synced:
    """Return that settings were not written."""
    return Synced(_not(reason, message), prefix)


def _said(error: FlumeError, secret: str) -> str:
    return f"Redis (Secret {secret}): {error} Workers that run go on by the settings they have."


def _not(reason: Reason, message: str) -> Finding:
    return Finding(Type.SETTINGS_SYNCED, False, reason, message)
