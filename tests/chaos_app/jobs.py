"""Handlers that note what they do in a server of the tests' own, apart from the one under test."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache

import redis

from flume import Discard, current_job, handler

LOOK_SECONDS = 0.05
"""Between two looks at a gate: 200 jobs that wait at one must not keep a core busy."""


@cache
def ledger() -> redis.Redis:
    """Return the server in which runs are noted.

    It waits for as long as a loaded machine takes: after a timeout (5 s unless set) the client
    would note a run twice, or fail a job that did nothing wrong.
    """
    return redis.Redis.from_url(os.environ["CHAOS_LEDGER"], socket_timeout=None)


@contextmanager
def _noted() -> Iterator[int]:
    """Note the start and the end of a run; gives how many runs of the job have started by now."""
    yield _note("starts", "runs")
    _note("ends", "ended")


def _note(counter: str, moments: str) -> int:
    job_id = current_job().id
    with ledger().pipeline(transaction=True) as pipe:
        pipe.hincrby(counter, job_id, 1)
        pipe.rpush(moments, f"{job_id} {os.getpid()} {time.monotonic():.4f}")
        return int(pipe.execute()[0])


async def _gate(name: str) -> None:
    gate = os.path.join(os.environ["CHAOS_GATES"], name)
    while not os.path.exists(gate):  # noqa: ASYNC110, ASYNC240 - made by another process
        await asyncio.sleep(LOOK_SECONDS)


@handler
async def quick(seconds: float = 0.0) -> None:
    """Wait a little and return."""
    with _noted():
        await asyncio.sleep(seconds)


@handler
def quick_sync(seconds: float = 0.0) -> None:
    """Wait a little in a thread."""
    with _noted():
        time.sleep(seconds)


@handler
async def at_gate(name: str) -> None:
    """Return once the test has opened the gate."""
    with _noted():
        await _gate(name)


@handler
async def first_at_gate(name: str, seconds: float = 0.0) -> None:
    """Wait at the gate in the first run, and for ``seconds`` in any other."""
    with _noted() as run:
        if run == 1:
            await _gate(name)
        await asyncio.sleep(seconds)


@handler
async def first_sleeps(seconds: float, gate: str = "") -> None:
    """Sleep in the first run and end it without a note; wait at the gate, if any, in others."""
    if _note("starts", "runs") == 1:
        await asyncio.sleep(seconds)
    elif gate:
        await _gate(gate)


@handler
async def stubborn(name: str) -> None:
    """Answer a cancellation with an error of its own, as clean-up code does that goes wrong."""
    with _noted() as run:
        if run == 1:
            try:
                await _gate(name)
            except asyncio.CancelledError:
                raise RuntimeError("interrupted") from None


@handler
async def failing_once() -> None:
    """Fail in the first run."""
    with _noted() as run:
        if run == 1:
            raise RuntimeError("the first run fails")


@handler
async def block(seconds: float) -> None:
    """Block the event loop by sleeping in it."""
    with _noted():
        time.sleep(seconds)  # noqa: ASYNC251 - the mistake that this is about


@handler
async def spin(seconds: float) -> None:
    """Block the event loop by computing in it."""
    with _noted():
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sum(range(1000))


@handler(timeout=timedelta(seconds=0.5))
def stuck_once() -> None:
    """Never return from the first run, whatever is asked of it."""
    with _noted() as run:
        if run == 1:
            threading.Event().wait()


@handler
async def deadly() -> None:
    """Kill the worker, each time."""
    with _noted():
        os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(60)


@handler
async def heavy(payload: str, gate: str = "") -> None:
    """Take up memory, and wait at a gate if there is one."""
    assert payload
    with _noted():
        if gate:
            await _gate(gate)


@handler(max_retries=1)
async def failing(payload: str) -> None:
    """Fail in each run."""
    with _noted():
        raise RuntimeError(f"it fails with {len(payload)} characters")


@handler
async def dropped() -> None:
    """Give itself up."""
    with _noted():
        raise Discard("not needed")
