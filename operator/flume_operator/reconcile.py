"""One pass over one Pipeline: validate, write settings, make children, look, report.

Each part may fail by itself, and the others go on: a Redis that is down keeps no Deployment from
being repaired, and a quota keeps no pause from binding.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from flume.errors import ManifestError
from flume.manifest import Manifest, check
from flume_operator import children, status
from flume_operator.api import Api
from flume_operator.cache import Cache
from flume_operator.conditions import Finding, Reason, Type
from flume_operator.deletion import Deletion
from flume_operator.deploying import Deployer
from flume_operator.errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    MissingError,
    RefusedError,
)
from flume_operator.looks import SOON_S, Looks
from flume_operator.objects import Key, Pipeline, read_pipeline
from flume_operator.options import Options
from flume_operator.settings_sync import SettingsSync
from flume_operator.status import Seen
from flume_operator.synced import Synced, unsynced
from flume_operator.telling import Told, told

logger = logging.getLogger("flume_operator.reconcile")

NO_DELIVERY = (
    "Nothing was changed, and no pods are made for it: the workers of this version cannot send "
    "jobs to an app (delivery.http) yet. Name the modules of handlers in spec.modules instead."
)


@dataclass(slots=True)
class _Prepared:
    """What a generation of a Pipeline becomes."""

    uid: str
    generation: int
    manifest: Manifest | None
    problem: str = ""
    children: Sequence[Mapping[str, Any]] = ()
    is_taken: bool = False
    """Whether the API server has taken the Deployment, or a dry run of it."""


@dataclass(slots=True)
class _Result:
    """What one pass has come to."""

    spec: Finding
    synced: Synced
    refused: tuple[Reason, str] | None = None
    failure: ApiError | None = None


class Reconciler:
    """Brings Pipelines about.

    Args:
        api: Of the cluster.
        cache: Of what is known.
        options: Of the operator.
        settings: Writes to Redis.
        deployer: Writes children.
        deletion: Ends them.
        tell: Says something to people.
        now: Time of day, for transitions.
        rng: Spreads looks.
    """

    def __init__(
        self,
        *,
        api: Api,
        cache: Cache,
        options: Options,
        settings: SettingsSync,
        deployer: Deployer,
        deletion: Deletion,
        tell: Callable[[Pipeline, Told], None],
        now: Callable[[], datetime],
        rng: Random | None = None,
    ) -> None:
        self._api = api
        self._cache = cache
        self._options = options
        self._settings = settings
        self._deployer = deployer
        self._deletion = deletion
        self._tell = tell
        self._now = now
        self._looks = Looks(options.look_s, rng=rng)
        self._prepared: dict[Key, _Prepared] = {}

    async def reconcile(self, key: Key) -> float | None:
        """Work on one Pipeline, and return after how many seconds it is due again.

        Raises:
            OperatorError: If something stands in the way that may pass: it is tried again.
        """
        pipeline = self._cache.pipeline(key)
        if pipeline is None or (pipeline.deleted_ms and not pipeline.finalizers):
            self._prepared.pop(key, None)
            self._deployer.forget(key)
            self._settings.forget(key)
            self._looks.forget(key)
            return None
        prepared = self._prepare(pipeline)
        if pipeline.deleted_ms is not None:
            return await self._end(pipeline, prepared)
        unmarked: ForbiddenError | None = None
        if prepared.manifest is not None:
            try:
                pipeline = await self._deletion.mark(pipeline, prepared.manifest)
            except ForbiddenError as error:  # the rest is none the worse for it
                unmarked = error
        result = await self._work(pipeline, prepared)
        if unmarked is not None and result.failure is None:
            _refuse(result, unmarked)
        seen = self._seen(pipeline, prepared, result)
        has_changed = await self._report(pipeline, seen)
        if result.failure is not None:
            raise result.failure
        return self._next(key, seen, has_changed=has_changed)

    async def _end(self, pipeline: Pipeline, prepared: _Prepared) -> float | None:
        """Bring one nearer to its end that is deleted and kept by a finalizer."""
        if await self._deletion.step(pipeline, prepared.manifest) or prepared.manifest is None:
            return None
        valid = Finding(Type.SPEC_VALID, True, Reason.VALID, "The spec is valid.")
        synced = await self._settings.look(pipeline, prepared.manifest)
        await self._report(pipeline, self._seen(pipeline, prepared, _Result(valid, synced)))
        return SOON_S

    def manifest(self, pipeline: Pipeline) -> Manifest | None:
        """Return a Pipeline as a manifest; None where it is not valid."""
        return self._prepare(pipeline).manifest

    def _prepare(self, pipeline: Pipeline) -> _Prepared:
        known = self._prepared.get(pipeline.key)
        if known and (known.uid, known.generation) == (pipeline.uid, pipeline.generation):
            return known
        try:
            manifest = check(pipeline.body)
        except ManifestError as error:
            made = _Prepared(pipeline.uid, pipeline.generation, None, problem=str(error))
        else:
            built = children.children(
                manifest,
                children.Owner(pipeline.key.name, pipeline.key.namespace, pipeline.uid),
                worker_image=self._options.worker_image,
                prefix=self._options.prefix_of(pipeline),
            )
            made = _Prepared(
                pipeline.uid,
                pipeline.generation,
                manifest,
                children=built,
                is_taken=status.has_taken(pipeline.status, pipeline.generation),
            )
        self._prepared[pipeline.key] = made
        return made

    async def _work(self, pipeline: Pipeline, prepared: _Prepared) -> _Result:
        manifest = prepared.manifest
        spec = await self._judge(pipeline.key, prepared)
        if manifest is None or spec.status is False:
            prefix = self._options.prefix_of(pipeline)
            return _Result(
                spec, unsynced(prefix, spec.reason, "Nothing was written: see SpecValid.")
            )
        result = _Result(spec, await self._settings.sync(pipeline, manifest))
        if not result.synced.is_held:
            await self._deploy(pipeline, prepared, result)
        return result

    async def _judge(self, key: Key, prepared: _Prepared) -> Finding:
        """Say whether a spec can be acted on, before anything is changed."""
        if prepared.manifest is None:
            message = f"Nothing was changed. {prepared.problem}"
            return Finding(Type.SPEC_VALID, False, Reason.INVALID, message)
        if prepared.manifest.spec.delivery is not None:
            return Finding(Type.SPEC_VALID, False, Reason.UNSUPPORTED, NO_DELIVERY)
        return await self._try_out(key, prepared)

    async def _try_out(self, key: Key, prepared: _Prepared) -> Finding:
        """Ask the API server about what the schema cannot see."""
        for body in prepared.children:
            if prepared.is_taken or body["kind"] != "Deployment":
                continue
            if not self._deployer.is_new(key, body):
                continue
            try:
                await self._deployer.try_out(key, body)
            except (ConflictError, ForbiddenError, MissingError):
                break  # not the spec's fault: the apply itself will tell
            except RefusedError as error:
                message = f"Nothing was changed. The API server refuses the Deployment: {error}"
                return Finding(Type.SPEC_VALID, False, Reason.REFUSED, message)
        prepared.is_taken = True
        return Finding(Type.SPEC_VALID, True, Reason.VALID, "The spec is valid.")

    async def _deploy(self, pipeline: Pipeline, prepared: _Prepared, result: _Result) -> None:
        assert prepared.manifest is not None
        replicas = prepared.manifest.spec.replicas
        try:
            await self._deployer.deploy(pipeline.key, prepared.children, replicas)
        except ApiError as error:
            _refuse(result, error)

    def _seen(self, pipeline: Pipeline, prepared: _Prepared, result: _Result) -> Seen:
        deployment = self._deployer.deployment(pipeline.key)
        manifest = prepared.manifest
        return Seen(
            name=pipeline.key.name,
            generation=pipeline.generation,
            spec=result.spec,
            synced=result.synced,
            deployment=deployment.body if deployment else None,
            refused=result.refused,
            desired=manifest.spec.replicas if manifest else 0,
            image=(manifest.spec.image or self._options.worker_image) if manifest else None,
            is_deleting=pipeline.deleted_ms is not None,
        )

    async def _report(self, pipeline: Pipeline, seen: Seen) -> bool:
        """Write the status where it differs, and return whether it does."""
        made = status.make(seen, pipeline.status, self._now())
        patch = status.change(pipeline.status, made)
        if patch is None:
            return False
        # With the uid, one that was made anew under this name meanwhile is not touched.
        body = {"metadata": {"uid": pipeline.uid}, "status": patch}
        try:
            answer = await self._api.merge_status(pipeline.key, body)
        except MissingError:  # deleted meanwhile
            return True
        self._cache.put(read_pipeline(answer))
        for item in told(pipeline.status, made):
            self._tell(pipeline, item)
        return True

    def _next(self, key: Key, seen: Seen, *, has_changed: bool) -> float:
        if seen.synced.again_s is not None:
            return seen.synced.again_s
        return self._looks.next_s(
            key, is_moving=_is_moving(seen), has_changed=has_changed, known=len(self._cache)
        )


def _refuse(result: _Result, error: ApiError) -> None:
    """Note what the API server did not do: the status says it, and the key is tried again."""
    result.failure = error
    if isinstance(error, RefusedError):
        is_right = isinstance(error, ForbiddenError)
        reason = Reason.FORBIDDEN if is_right else Reason.PODS_REFUSED
        result.refused = (reason, f"The API server refuses a part of it: {error}")


def _is_moving(seen: Seen) -> bool:
    """Whether something is under way that no watch tells of."""
    looked = seen.synced.looked
    if looked is None or seen.deployment is None:
        return False
    wanted = seen.deployment["status"].get("readyReplicas", 0)
    return looked.acknowledged < looked.workers or looked.workers < wanted
