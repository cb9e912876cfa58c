"""``run_until_empty()``: a worker in this process, on a real Redis, until no job may run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, overload

from flume import recording
from flume.client import AsyncClient
from flume.delivery.python import load
from flume.errors import ConfigurationError, NotEmptyError
from flume.events import JobBuried, JobCompleted, JobDiscarded, JobEvent, JobRetried, bus
from flume.outcome import Discard, Retry
from flume.pipeline import PipelineSettings
from flume.runtime.worker import Worker, WorkerConfig
from flume.sync_client import Client
from flume.testing.looker import Looker

GRACE_S = 1.0
"""For what still runs once the time is over; a test that failed need not wait longer."""


@dataclass(slots=True)
class Ran:
    """What a run did."""

    completed: int = 0
    retried: int = 0
    buried: int = 0
    discarded: int = 0
    errors: list[BaseException] = field(default_factory=list)
    """What handlers raised, in that order; not ``Retry`` and ``Discard``, which are no failures."""


@overload
def run_until_empty(
    client: Client,
    queue: str,
    *,
    modules: Iterable[str],
    timeout: float = ...,
    include_retrying: bool = ...,
    settings: PipelineSettings | None = ...,
) -> Ran: ...
@overload
def run_until_empty(
    client: AsyncClient,
    queue: str,
    *,
    modules: Iterable[str],
    timeout: float = ...,
    include_retrying: bool = ...,
    settings: PipelineSettings | None = ...,
) -> Coroutine[Any, Any, Ran]: ...
def run_until_empty(
    client: Client | AsyncClient,
    queue: str,
    *,
    modules: Iterable[str],
    timeout: float = 10.0,
    include_retrying: bool = False,
    settings: PipelineSettings | None = None,
) -> Ran | Coroutine[Any, Any, Ran]:
    """Run the jobs of a queue in this process until none is left that may run now.

    That is every ready job, every scheduled and every retrying one that is due, and what these
    enqueue to the same queue.  It is the worker that runs in production, with its leases, threads
    and retries.  Await it with an ``AsyncClient``.

    Args:
        client: Where the queue is; a ``Clock`` that moves this client's time moves the run's too.
        queue: Name of the queue.
        modules: Whose handlers run, with those of the modules below them, as for a worker.
        timeout: Seconds until it is given up.
        include_retrying: Wait until retrying jobs are due and run them as well.  They wait in
            real time, so give ``settings`` with a short back-off.
        settings: Of the worker, for another queue's name too; None: the defaults.

    Returns:
        What ran, and what handlers raised.

    Raises:
        NotEmptyError: If jobs are left when the time is over, or none of them can ever run here.
        ConfigurationError: If a module cannot be imported, or ``fake()`` is active.
    """
    recording.refuse_reading()
    names = [modules] if isinstance(modules, str) else list(modules)
    # All jobs are there, so that an open batch has nothing to wait for.
    chosen = replace(settings or PipelineSettings(queue, batch_timeout_ms=0), queue=queue)
    config = WorkerConfig(
        chosen,
        load(names),
        url=client._connections.url,
        prefix=client.prefix,
        grace_s=GRACE_S,
        shift_ms=client._connections.shift_ms,
        follows_record=False,
    )
    if isinstance(client, AsyncClient):
        return _run(client, config, timeout=timeout, include_retrying=include_retrying)
    if _is_in_loop():
        raise ConfigurationError("an event loop runs here: pass an AsyncClient, and await the run.")
    return asyncio.run(_run_beside(config, timeout=timeout, include_retrying=include_retrying))


async def _run_beside(config: WorkerConfig, *, timeout: float, include_retrying: bool) -> Ran:
    async with AsyncClient(config.url, prefix=config.prefix) as client:
        client._connections.shift_ms = config.shift_ms
        return await _run(client, config, timeout=timeout, include_retrying=include_retrying)


async def _run(
    client: AsyncClient, config: WorkerConfig, *, timeout: float, include_retrying: bool
) -> Ran:
    await client._connections.call("PING")  # once: where no Redis is, each test would try on
    worker = Worker(config)
    looker = Looker(client, config, include_retrying=include_retrying)

    async def wait() -> str:
        """Return why jobs are left; empty where none is."""
        try:
            async with asyncio.timeout(timeout):
                return await looker.wait_until_empty()
        except TimeoutError:
            return f"{timeout:g} s were over"
        finally:
            worker.stop()

    with _counting(config.settings.queue) as ran:
        try:
            async with asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(wait())
                tasks.create_task(worker.run())
        except BaseExceptionGroup as group:
            raise _innermost(group) from group
    if reason := waiting.result():
        raise NotEmptyError(await looker.describe(reason))
    return ran


@contextmanager
def _counting(queue: str) -> Iterator[Ran]:
    """Count what happens to the jobs of a queue in this process."""
    ran = Ran()

    def add(event: JobEvent) -> None:
        if event.queue != queue or type(event) not in _COUNTERS:
            return
        name = _COUNTERS[type(event)]
        setattr(ran, name, getattr(ran, name) + 1)
        error = getattr(event, "error", None)
        if error is not None and not isinstance(error, Retry | Discard):
            ran.errors.append(error)

    unsubscribe = bus.subscribe(JobEvent, add)
    try:
        yield ran
    finally:
        unsubscribe()


_COUNTERS: dict[type[JobEvent], str] = {
    JobCompleted: "completed",
    JobRetried: "retried",
    JobBuried: "buried",
    JobDiscarded: "discarded",
}


def _innermost(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one error of a group: a test that expects it should not have to unpack it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
