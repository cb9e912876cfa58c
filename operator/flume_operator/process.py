"""One operator process: puts the parts together, starts them, and ends them in order."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from flume.health import Answer
from flume_operator.alone import Alone, Leadership
from flume_operator.api import Api
from flume_operator.cache import Cache
from flume_operator.comparing import Comparer
from flume_operator.controls import Controls
from flume_operator.credentials import Credentials
from flume_operator.deletion import Deletion
from flume_operator.deploying import Deployer
from flume_operator.errors import (
    ForbiddenError,
    MissingError,
    NotUsableError,
    UnavailableError,
)
from flume_operator.events import Recorder
from flume_operator.freeing import Freer
from flume_operator.gauges import QueueGauges
from flume_operator.leader import Leader
from flume_operator.listening import Listener
from flume_operator.moving import Moves, Place
from flume_operator.objects import Key, Pipeline
from flume_operator.options import Options
from flume_operator.pause import PauseLine
from flume_operator.reconcile import Reconciler
from flume_operator.series import About, Kind
from flume_operator.settings_sync import SettingsSync
from flume_operator.telling import Told
from flume_operator.vitals import Vitals
from flume_operator.watch import Heard, Watcher
from flume_operator.workqueue import WorkQueue

logger = logging.getLogger("flume_operator.process")

AGAIN_S = 2.0
"""Between two tries to reach the API server at the start."""
UNUSED_S = 300.0
"""A Redis that nobody has asked for so long is left; none is while its Pipelines are looked at."""


class Operator:
    """Looks after Pipelines until it is told to stop.

    Args:
        api: Of the cluster.
        options: Of this process.
        leadership: Says whether it may write.
    """

    def __init__(self, api: Api, options: Options, leadership: Leadership) -> None:
        self._api = api
        self._options = options
        self._leadership = leadership
        self.cache = Cache()
        self._recorder = Recorder(api, instance=options.identity)
        self._vitals = Vitals(api, options, self.cache, leadership)
        self._vitals.metrics.events.set_function(lambda: self._recorder.dropped)
        self._controls = Controls()
        self.gauges = QueueGauges()
        """What was last seen of each queue, for /metrics; nothing while another process leads."""
        self._vitals.registry.register(self.gauges)
        credentials = Credentials(api)
        moves = Moves(self._has_left)
        self._settings = SettingsSync(
            api,
            credentials,
            self._controls,
            options,
            home=api.home,
            gauges=self.gauges,
            moves=moves,
            wake=lambda key: self._wake(key, False),
        )
        self._pauses = PauseLine(
            credentials, self._settings.owner, options.prefix_of, count=self._vitals.metrics.paused
        )
        self._deployer = Deployer(api, self.cache, resync_s=options.resync_s)
        self._reconciler = Reconciler(
            api=api,
            cache=self.cache,
            options=options,
            settings=self._settings,
            deployer=self._deployer,
            deletion=Deletion(api, self.cache, self._settings, _now),
            tell=self._tell,
            now=_now,
        )
        self._freer = Freer(
            self._settings,
            moves,
            manifest=self._reconciler.manifest,
            tell=self._tell,
            freed=self._wake_all_of,
        )
        self._listener = Listener(
            self.cache, wake=self._wake, changed=self._changed, gone=self._has_gone
        )
        self._comparer = Comparer(
            api, options.namespaces, self.cache, self._listener, resync=self._resync
        )
        self.queue: WorkQueue[Key] | None = None
        """While this process leads."""
        self._stopping = asyncio.Event()
        self._failure: str = ""

    def stop(self) -> None:
        """Let ``run`` end."""
        self._stopping.set()

    async def run(self) -> None:
        """Look after Pipelines until ``stop`` is called.

        Raises:
            NotUsableError: If what it needs is not there, or the watch has ended.
        """
        watcher = Watcher(
            self._options,
            hear=self._hear,
            ended=self._watch_ended,
            loop=asyncio.get_running_loop(),
        )
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._controls.close)
            stack.enter_context(self._vitals.served(self._ready))
            await self._first_list()
            if self._stopping.is_set():
                return
            watcher.start()
            stack.push_async_callback(watcher.stop)
            logger.info("operator_started", extra={"pipelines": len(self.cache)})
            around = (
                self._comparer.run(),
                self._close_unused(),
                self._vitals.look_after(watcher),
            )
            async with asyncio.TaskGroup() as tasks:
                background = [tasks.create_task(part) for part in around]
                await self._leadership.run(self._stopping, self._lead)
                for task in background:
                    task.cancel()
        logger.info("operator_stopped", extra={"failure": self._failure})
        if self._failure:
            raise NotUsableError(self._failure)

    def _ready(self) -> Answer:
        """Return whether this process works or could take over, and a word on it."""
        if not self._comparer.is_complete:
            return False, "the Pipelines were not listed yet"
        return self._leadership.check()

    async def _first_list(self) -> None:
        """Fill the cache, and learn whether the cluster has what the operator needs."""
        while not self._stopping.is_set():
            try:
                await self._comparer.compare()
            except MissingError as error:
                raise NotUsableError(
                    "the cluster knows no Pipelines: install the CustomResourceDefinition "
                    "pipelines.flume.dev, which the chart does unless crds.install is false"
                ) from error
            except ForbiddenError as error:
                raise NotUsableError(
                    f"the operator may not list Pipelines: check its role and namespaces. {error}"
                ) from error
            except UnavailableError as error:
                logger.warning("api_unavailable", extra={"error": str(error)})
                await asyncio.sleep(AGAIN_S)
            else:
                return

    async def _lead(self) -> None:
        """Work while this process leads."""
        started = time.monotonic()
        self.queue = self._vitals.queue = WorkQueue(
            self._reconciler.reconcile,
            workers=self._options.concurrency,
            ended=self._vitals.metrics.ran,
        )
        for key in self.cache:
            self.queue.wake(key)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pauses.run(self._stopping, self.cache.pipelines))
                tasks.create_task(self.queue.run(self._stopping))
                tasks.create_task(self._freer.run(self._stopping))
                tasks.create_task(self._recorder.run(self._stopping))
        finally:
            self.queue = self._vitals.queue = None
            self.gauges.clear()
            self._settings.clear()
            lasted = round(time.monotonic() - started, 3)
            logger.info("leading_ended", extra={"duration_s": lasted})

    def _tell(self, pipeline: Pipeline, item: Told) -> None:
        about = About(pipeline.key.namespace, pipeline.key.name, pipeline.uid)
        kind = Kind.WARNING if item.is_warning else Kind.NORMAL
        self._recorder.say(about, kind, item.reason, action=item.action, note=item.note)

    def _hear(self, heard: Heard) -> None:
        self._listener.hear(heard)

    def _wake(self, key: Key, is_wish: bool) -> None:
        if self.queue is not None:
            self.queue.wake(key, urgent=is_wish)

    def _changed(self, pipeline: Pipeline) -> None:
        """Hear of a new version of a Pipeline, before anything else is done with it."""
        self._pauses.changed(pipeline)

    def _has_gone(self, pipeline: Pipeline) -> None:
        """Free the queue of a Pipeline that is gone, so that another may have it."""
        self._pauses.forget(pipeline)
        self.gauges.forget(pipeline.key, pipeline.uid)
        self._wake(pipeline.key, True)
        self._freer.gone(pipeline)

    def _has_left(self, pipeline: Pipeline, place: Place) -> None:
        """Free the queue of a Pipeline where it is no more."""
        self._freer.left(pipeline, place)

    def _wake_all_of(self, queue: str) -> None:
        """Let all Pipelines try again that want a queue."""
        for pipeline in self.cache.pipelines():
            if pipeline.spec.get("queue") == queue:
                self._wake(pipeline.key, True)

    def _resync(self) -> None:
        """Work on every Pipeline again, over some time: what befell children may be missed."""
        self._deployer.distrust()
        spread = len(self.cache) / 20
        if self.queue is not None:
            for number, key in enumerate(self.cache):
                self.queue.wake(key, after_s=spread * number / max(1, len(self.cache)))

    async def _close_unused(self) -> None:
        while True:
            await asyncio.sleep(UNUSED_S / 5)
            await self._controls.close_unused(UNUSED_S)

    def _watch_ended(self, error: BaseException | None) -> None:
        said = f"{type(error).__name__}: {error}" if error else "the API server ended it"
        self._failure = f"the watch has ended ({said}); a new start may help"
        logger.error("watch_ended", extra={"error": said})
        self._stopping.set()


def _now() -> datetime:
    return datetime.now(UTC)


async def run(options: Options) -> None:
    """Run an operator until SIGTERM or SIGINT.

    Raises:
        NotUsableError: If it cannot go on.
    """
    # The Lease has connections of its own, and must be renewed by who does not lead yet.
    async with await Api.connect() as api, await Api.connect() as lease_api:
        leadership = _leadership(lease_api, options)
        api.may_write = lambda: leadership.is_leading
        operator = Operator(api, options, leadership)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, operator.stop)
        await operator.run()


def _leadership(api: Api, options: Options) -> Leadership:
    if not options.lease_namespace:
        return Alone()
    key = Key(options.lease_namespace, options.lease_name)
    return Leader(api, key, identity=options.identity)
