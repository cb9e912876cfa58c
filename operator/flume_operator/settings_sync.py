"""Puts the settings of a Pipeline in force in Redis, and looks at its queue there."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from flume.control import Applied, Control, Owner, Write
from flume.control import Seen as QueueSeen
from flume.errors import (
    ConfigurationError,
    FlumeError,
    NameRefusedError,
    ServerRefusedError,
    ServerUnavailableError,
)
from flume.manifest import Manifest
from flume_operator.api import Api
from flume_operator.conditions import Finding, Reason, Type
from flume_operator.controls import Controls
from flume_operator.credentials import Credentials
from flume_operator.errors import CredentialsError, ForbiddenError, MissingError
from flume_operator.gauges import QueueGauges
from flume_operator.moving import Moves, Place
from flume_operator.objects import Key, Pipeline
from flume_operator.options import Options
from flume_operator.outages import Outages
from flume_operator.synced import Synced, judge, looked, unreached, unsynced

logger = logging.getLogger("flume_operator.settings_sync")

_Call = Callable[[Pipeline, Manifest, Place, Control], Awaitable[Synced]]


class SettingsSync:
    """Writes settings.

    Args:
        api: For Secrets, and to ask whether the owner of a queue is gone.
        credentials: Where each Redis is.
        controls: Of each Redis.
        options: For the key prefix.
        home: Name of this cluster: owners with another are not known to be gone.
        gauges: Shown what is seen of each queue.
        moves: Shown where each Pipeline has its queue.
        wake: Called with each Pipeline whose Redis answers again.
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
        moves: Moves,
        wake: Callable[[Key], None],
    ) -> None:
        self._api = api
        self._credentials = credentials
        self._controls = controls
        self._options = options
        self._home = home
        self._gauges = gauges
        self._moves = moves
        self._outages = Outages(controls.wait_s, wake)

    def forget(self, key: Key) -> None:
        """Drop a Pipeline that is gone."""
        self._outages.forget(key)

    def clear(self) -> None:
        """Drop all: another process leads."""
        self._outages.clear()

    def owner(self, pipeline: Pipeline) -> Owner:
        """Return who writes for a Pipeline."""
        return Owner(
            str(pipeline.key),
            pipeline.uid,
            pipeline.created_ms,
            pipeline.generation,
            home=self._home,
        )

    async def sync(self, pipeline: Pipeline, manifest: Manifest) -> Synced:
        """Put the settings in force where they are not, and look at the queue."""
        return await self._tried(pipeline, manifest, self._applied)

    async def look(self, pipeline: Pipeline, manifest: Manifest) -> Synced:
        """Only look at the queue."""
        return await self._tried(pipeline, manifest, self._seen)

    async def _tried(self, pipeline: Pipeline, manifest: Manifest, call: _Call) -> Synced:
        prefix = self._options.prefix_of(pipeline)
        ref = manifest.spec.redis.secret_ref
        try:
            place = await self._place(pipeline, manifest)
            return await self._asked(pipeline, manifest, place, call)
        except CredentialsError as error:
            self._outages.forget(pipeline.key)
            reason = Reason.SECRET_MISSING if error.is_missing else Reason.SECRET_INVALID
            return unsynced(prefix, reason, str(error))
        except (ConfigurationError, NameRefusedError) as error:
            message = f"Secret {ref.name}, key {ref.key}: {error}"
            return unsynced(prefix, Reason.SECRET_INVALID, message)
        except FlumeError as error:
            again_s = self._outages.again_s(pipeline.key)
            return unreached(prefix, error, ref.name, again_s=again_s)

    async def _asked(
        self, pipeline: Pipeline, manifest: Manifest, place: Place, call: _Call
    ) -> Synced:
        try:
            async with self.at(place) as control:
                synced = await call(pipeline, manifest, place, control)
        except (ServerUnavailableError, ServerRefusedError):
            self._outages.failed(pipeline.key, place.url)
            raise
        self._outages.answered(pipeline.key, place.url)
        return synced

    async def _applied(
        self, pipeline: Pipeline, manifest: Manifest, place: Place, control: Control
    ) -> Synced:
        applied = await self._apply(pipeline, manifest, control)
        if applied.is_in_force:
            self._moves.arrived(pipeline, place)
        seen = await control.look(manifest.spec.queue)
        self._show(pipeline, manifest, seen)
        finding, rate = judge(manifest, pipeline, applied)
        synced = Synced(finding, place.prefix, rate=rate, looked=looked(seen, pipeline.uid))
        if not applied.is_in_force:
            return synced
        return replace(synced, generation=pipeline.generation, place=place)

    def _show(self, pipeline: Pipeline, manifest: Manifest, seen: QueueSeen) -> None:
        """Show a queue in the metrics, by the Pipeline that owns it and no other."""
        if seen.record is not None and seen.record.owner.uid == pipeline.uid:
            self._gauges.saw(pipeline.key, pipeline.uid, manifest.spec.queue, seen.counts)
        else:
            self._gauges.forget(pipeline.key, pipeline.uid)

    async def _seen(
        self, pipeline: Pipeline, manifest: Manifest, place: Place, control: Control
    ) -> Synced:
        seen = await control.look(manifest.spec.queue)
        message = "It is being deleted, and its settings are in force until then."
        finding = Finding(Type.SETTINGS_SYNCED, True, Reason.DELETING, message)
        return Synced(finding, place.prefix, looked=looked(seen, pipeline.uid))

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
        """Lend the control of a Pipeline's Redis.

        Raises:
            CredentialsError: If the Secret is missing or wrong.
            FlumeError: If the Redis does not do what is asked.
        """
        async with self.at(await self._place(pipeline, manifest)) as control:
            yield control

    async def _place(self, pipeline: Pipeline, manifest: Manifest) -> Place:
        ref = manifest.spec.redis.secret_ref
        secret = Key(pipeline.key.namespace, ref.name)
        prefix = self._options.prefix_of(pipeline)
        return await self.resolved(Place(secret, ref.key, prefix, url=""))

    async def resolved(self, place: Place) -> Place:
        """Return a place with its address.

        Raises:
            CredentialsError: If the Secret is missing or wrong.
        """
        if place.url:
            return place
        return replace(place, url=await self._credentials.url(place.secret, place.secret_key))

    @asynccontextmanager
    async def at(self, place: Place) -> AsyncIterator[Control]:
        """Lend the control of a place; what it raises makes the Secret doubtful.

        Raises:
            FlumeError: If the Redis does not do what is asked.
        """
        try:
            place = await self.resolved(place)
            async with self._controls.use(place.url, place.prefix) as control:
                yield control
        except FlumeError:
            self._credentials.doubt(place.secret, place.secret_key)
            raise
