"""The end of a Pipeline whose deletionPolicy asks for more than letting go of its queue.

Only then there is a finalizer, and it is bounded in time: once drainTimeoutSeconds are over, the
Pipeline goes whatever is left, also where Redis cannot be reached.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from flume.control import Control
from flume.errors import FlumeError
from flume.manifest import Manifest
from flume_operator.api import Api
from flume_operator.cache import Cache
from flume_operator.errors import MissingError, OperatorError
from flume_operator.objects import Pipeline, read_pipeline
from flume_operator.settings_sync import SettingsSync

FINALIZER = "flume.dev/drain"

logger = logging.getLogger("flume_operator.deletion")


class Deletion:
    """Keeps Pipelines until they are drained.

    Args:
        api: Of the cluster.
        cache: Of what is known.
        settings: For Redis.
        now: Time of day: a deletion has that of the API server.
    """

    def __init__(
        self, api: Api, cache: Cache, settings: SettingsSync, now: Callable[[], datetime]
    ) -> None:
        self._api = api
        self._cache = cache
        self._settings = settings
        self._now = now

    async def mark(self, pipeline: Pipeline, manifest: Manifest) -> Pipeline:
        """Set the finalizer where the policy asks for one, and take it away where it does not."""
        is_wanted = manifest.spec.deletion_policy != "Retain"
        if is_wanted == (FINALIZER in pipeline.finalizers) or pipeline.deleted_ms:
            return pipeline
        others = [name for name in pipeline.finalizers if name != FINALIZER]
        return await self._write(pipeline, [*others, *([FINALIZER] if is_wanted else [])])

    async def step(self, pipeline: Pipeline, manifest: Manifest | None) -> bool:
        """Do what can be done now; return whether the Pipeline may go.

        Raises:
            FlumeError: If Redis was not reached, and the time is not over.
            OperatorError: The same, of the API server.
        """
        if FINALIZER not in pipeline.finalizers:
            return True
        is_over = True
        if manifest is not None and manifest.spec.deletion_policy != "Retain":
            is_over = await self._drained(pipeline, manifest)
        if is_over:
            await self._write(pipeline, [n for n in pipeline.finalizers if n != FINALIZER])
        return is_over

    async def _drained(self, pipeline: Pipeline, manifest: Manifest) -> bool:
        is_late = self._is_late(pipeline, manifest)
        try:
            async with self._settings.control(pipeline, manifest) as control:
                return await self._drain(pipeline, manifest, control, is_late=is_late)
        except (FlumeError, OperatorError) as error:
            if not is_late:
                raise
            extra = {"pipeline": str(pipeline.key), "error": str(error)}
            logger.error("drain_given_up", extra=extra)
            return True

    async def _drain(
        self, pipeline: Pipeline, manifest: Manifest, control: Control, *, is_late: bool
    ) -> bool:
        queue = manifest.spec.queue
        paused = await control.pause(queue, self._settings.owner(pipeline), is_paused=True)
        if not paused.is_in_force:  # it never had the queue: nothing in it is its own
            return True
        running = (await control.look(queue)).counts.running
        if running and not is_late:
            return False
        purged = 0
        if manifest.spec.deletion_policy == "Purge":
            purged = await control.purge(queue)
        await control.release(queue, pipeline.uid)
        extra = {"pipeline": str(pipeline.key), "running": running, "purged": purged}
        logger.info("pipeline_drained", extra=extra)
        return True

    def _is_late(self, pipeline: Pipeline, manifest: Manifest) -> bool:
        asked_s = (pipeline.deleted_ms or 0) / 1000
        return self._now().timestamp() - asked_s > manifest.spec.drain_timeout_seconds

    async def _write(self, pipeline: Pipeline, finalizers: list[str]) -> Pipeline:
        """Set the finalizers, unless the Pipeline has changed: another may have set one."""
        metadata = {
            "uid": pipeline.uid,
            "resourceVersion": pipeline.resource_version,
            "finalizers": finalizers,
        }
        try:
            found = await self._api.merge("Pipeline", pipeline.key, {"metadata": metadata})
        except MissingError:
            return pipeline
        written = read_pipeline(found)
        if written.deleted_ms is None or written.finalizers:
            self._cache.put(written)
        return written
