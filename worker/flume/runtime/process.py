"""A process that runs workers: event loop, signals, health, and an end in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flume.health import Answer, HealthServer, Pulse
from flume.origin import place_of
from flume.runtime.depths import QueueCollector
from flume.runtime.emptied import stop_when_empty
from flume.runtime.metrics import WorkerCollector
from flume.runtime.worker import Worker, WorkerConfig

T = TypeVar("T")

EXIT_STUCK = 70
"""Every place was taken by a handler that does not return; a new process has free ones."""
LOOP_BOUND_S = 120.0
"""A loop that has not turned for this long is not coming back; far above any sane callback."""
YOUNG_OBJECTS = 10_000
"""New objects from which on the collector looks at them.  A claim of a thousand jobs makes some
four thousand, and all are gone when it ends: Python's own 700 to 2,000 would look at them in vain,
which takes a tenth of a worker's time."""

logger = logging.getLogger("flume.worker")


@dataclass(frozen=True, slots=True)
class ProcessConfig:
    """What a worker process is started with."""

    workers: Sequence[WorkerConfig]
    health_port: int | None = None
    """None: no HTTP server."""
    loop_bound_s: float = LOOP_BOUND_S
    """How long a handler may block the event loop before ``/healthz`` says so."""
    shows_queues: bool = False
    """Whether ``/metrics`` has the depth of the queues: once for all workers, not from each."""
    until_empty: bool = False
    """Stop once nothing is ready, running, scheduled or retrying in any of the queues."""
    awaits_jobs: bool = False
    """… but not before the first job has come: for a server that started empty."""
    drain_token: str = ""
    """What ``/drain`` asks for; empty: there is no such page."""
    on_start: Callable[[list[Worker]], None] | None = None


def run(config: ProcessConfig) -> int:
    """Run the workers until a signal, or until all is done; return the exit code.

    Raises:
        FlumeError: If a worker cannot run.
    """
    # What is loaded by now lives as long as the process: full collections need not walk it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)
    try:
        return run_loop(_main(config))
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None  # one cause: the rest was cancelled for it


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


async def _main(config: ProcessConfig) -> int:
    workers = [Worker(worker) for worker in config.workers]
    pulse = Pulse(config.loop_bound_s)
    with _signals(workers), _health(config, workers, pulse):
        if config.on_start is not None:
            config.on_start(workers)
        async with contextlib.AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            pulsing = tasks.create_task(pulse.run())
            failures: list[Exception] = []
            runs = [tasks.create_task(_noted(_run(each), failures)) for each in workers]
            enders = list(runs)
            if config.until_empty:
                emptied = stop_when_empty(workers, awaits_jobs=config.awaits_jobs)
                enders.append(tasks.create_task(_noted(emptied, failures)))
            await asyncio.wait(enders, return_when=asyncio.FIRST_COMPLETED)
            for worker in workers:  # one that ended takes the others with it
                worker.stop()
            await asyncio.wait(runs)
            for task in (pulsing, *enders):
                task.cancel()
    if failures:
        raise failures[0]  # the cause: the rest was stopped for it
    return EXIT_STUCK if any(worker.is_stuck for worker in workers) else 0


async def _run(worker: Worker) -> None:
    """Run a worker, and log why it failed while others still finish their jobs."""
    try:
        await worker.run()
    except Exception as error:
        where = place_of(error)
        extra = {"queue": worker.keys.queue, "error_type": type(error).__name__, "where": where}
        logger.error("worker_failed", extra=extra)
        raise


async def _noted(work: Coroutine[Any, Any, None], failures: list[Exception]) -> None:
    """Await ``work`` and note its error: raised here, it would cancel the other workers' jobs."""
    try:
        await work
    except Exception as error:
        failures.append(error)


@contextlib.contextmanager
def _signals(workers: Sequence[Worker]) -> Iterator[None]:
    """Stop on SIGTERM and SIGINT; a second one gives up what still runs.

    ``signal.signal``, because a loop's own handlers never fire while a handler blocks it.
    """
    loop = asyncio.get_running_loop()

    def stop(_number: int, _frame: object) -> None:
        for worker in workers:
            worker.stop_soon(loop)

    kinds = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(kind, stop) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


@contextlib.contextmanager
def _health(config: ProcessConfig, workers: Sequence[Worker], pulse: Pulse) -> Iterator[None]:
    if config.health_port is None:
        yield
        return
    loop = asyncio.get_running_loop()
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    metrics = [worker.metrics for worker in workers]
    with contextlib.ExitStack() as stack:
        registry.register(WorkerCollector(metrics))
        if config.shows_queues:
            url, prefix = workers[0].config.url, workers[0].config.prefix
            registry.register(stack.enter_context(QueueCollector(url, prefix, metrics)))
        server = HealthServer(
            config.health_port,
            checks={
                "/startupz": lambda: (True, "ok"),
                "/healthz": pulse.check,
                "/readyz": lambda: _ready(workers),
            },
            metrics=lambda: generate_latest(registry),
            guarded={"/drain": lambda: _drain(workers, loop)},
            token=config.drain_token,
        )
        server.start()
        stack.callback(server.stop)
        yield


def _drain(workers: Sequence[Worker], loop: asyncio.AbstractEventLoop) -> Answer:
    """Let the workers stop, and say so at once: what runs has the grace that begins now.

    It is final.  A hook that is called because a probe failed is followed by the end as well.
    """
    logger.info("drain_asked", extra={"queues": [worker.keys.queue for worker in workers]})
    for worker in workers:
        worker.drain_soon(loop)
    return True, "draining"


def _ready(workers: Sequence[Worker]) -> Answer:
    """Return whether all workers claim, or would but for a pause; and a word on the others."""
    reasons = []
    for worker in workers:
        if worker.metrics.is_away():
            reasons.append(f"{worker.keys.queue}: Redis does not answer")
        elif not worker.is_ready:
            reasons.append(f"{worker.keys.queue}: it does not claim")
    return not reasons, "; ".join(reasons) or "ok"
