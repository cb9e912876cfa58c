"""The operator's work queue: a key by one task, wakes that coalesce, back-offs that grow."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from flume_operator.errors import UnavailableError
from flume_operator.workqueue import WorkQueue
from tests.support.waiting import wait_until_async

Work = Callable[[str], Awaitable[float | None]]


@asynccontextmanager
async def running(
    work: Work, *, workers: int = 4, longest_s: float = 60.0
) -> AsyncIterator[WorkQueue[str]]:
    """Run a queue for the time of a block."""
    queue = WorkQueue(work, workers=workers, longest_s=longest_s)
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(queue.run(stopping))
        try:
            yield queue
        finally:
            stopping.set()


class Gate:
    """Work that starts when it is called and ends when it is told to."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.open = asyncio.Event()

    async def __call__(self, key: str) -> None:
        self.started.append(key)
        await self.open.wait()


async def test_a_key_that_is_worked_on_is_not_begun_a_second_time() -> None:
    """Two passes over one Pipeline at once could write the older of two answers last."""
    gate = Gate()
    async with running(gate) as queue:
        queue.wake("a")
        await wait_until_async(lambda: gate.started == ["a"])
        for _ in range(10):
            queue.wake("a")
        queue.wake("b")
        await wait_until_async(lambda: "b" in gate.started)
        assert gate.started == ["a", "b"]

        gate.open.set()
        await wait_until_async(lambda: gate.started == ["a", "b", "a"])

        assert gate.started.count("a") == 2  # ten wakes meanwhile are one more pass


async def test_a_hundred_wakes_before_the_start_are_one_pass() -> None:
    """A burst of edits costs one pass, and the pass sees the last of them."""
    done: list[str] = []

    async def work(key: str) -> None:
        done.append(key)

    async with running(work) as queue:
        for _ in range(100):
            queue.wake("a")
        queue.wake("end")
        await wait_until_async(lambda: "end" in done)

    assert done == ["a", "end"]


async def test_a_key_comes_again_when_its_work_says_so() -> None:
    """What no watch tells of, such as a client's pause, is looked at now and then."""
    times: list[float] = []

    async def work(_key: str) -> float | None:
        times.append(asyncio.get_running_loop().time())
        return 0.05 if len(times) < 3 else None

    async with running(work) as queue:
        queue.wake("a")
        await wait_until_async(lambda: len(times) == 3)

    assert all(later - earlier >= 0.045 for earlier, later in itertools.pairwise(times))


async def test_a_failing_key_waits_longer_each_time_and_others_do_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One Pipeline whose namespace has no quota left must not slow 499 others."""
    caplog.set_level(logging.CRITICAL, "flume_operator")
    times: list[float] = []
    done: list[str] = []

    async def work(key: str) -> None:
        if key == "bad":
            times.append(asyncio.get_running_loop().time())
            raise UnavailableError("not now")
        done.append(key)

    async with running(work) as queue:
        queue.wake("bad")
        await wait_until_async(lambda: len(times) == 1)
        queue.wake("bad")  # a child's change does not cut the back-off
        queue.wake("good")
        await wait_until_async(lambda: done == ["good"])
        assert len(times) == 1
        assert queue.failing() == 1
        await wait_until_async(lambda: len(times) == 3)

    first, second = times[1] - times[0], times[2] - times[1]
    assert 0.24 <= first <= 0.75
    assert 0.49 <= second <= 1.25


@pytest.mark.parametrize("urgent", [False, True])
async def test_a_change_during_a_run_that_fails_does_not_cut_the_backoff_and_an_edit_does(
    caplog: pytest.LogCaptureFixture, urgent: bool
) -> None:
    """A Deployment's status changes all the time; an API server that asks for a minute means it."""
    caplog.set_level(logging.CRITICAL, "flume_operator")
    tries: list[str] = []
    gate = asyncio.Event()

    async def work(key: str) -> None:
        tries.append(key)
        if key == "a":
            await gate.wait()
            raise UnavailableError("too many requests", status=429, retry_after_s=60)

    async with running(work, workers=1) as queue:
        queue.wake("a")
        await wait_until_async(lambda: tries == ["a"])
        queue.wake("a", urgent=urgent)
        gate.set()
        await wait_until_async(lambda: queue.failing() == 1)
        if urgent:
            await wait_until_async(lambda: tries == ["a", "a"])
        else:
            queue.wake("b", after_s=1.0)  # longer than an edit has to wait
            await wait_until_async(lambda: "b" in tries)

            assert tries == ["a", "b"]


async def test_an_edit_ends_a_backoff(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever puts a spec right must not wait two minutes for the operator to notice."""
    caplog.set_level(logging.CRITICAL, "flume_operator")
    tries: list[str] = []

    async def work(key: str) -> None:
        tries.append(key)
        raise UnavailableError("away", retry_after_s=3600)

    async with running(work) as queue:
        queue.wake("a")
        await wait_until_async(lambda: len(tries) == 1)
        queue.wake("a", urgent=True)
        await wait_until_async(lambda: len(tries) == 2)


async def test_a_pass_that_hangs_is_cut_off_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A call that never returns would hold its place for ever."""
    gate = Gate()
    async with running(gate, workers=1, longest_s=0.05) as queue:
        queue.wake("a")
        await wait_until_async(lambda: len(gate.started) == 2)
        assert queue.stuck_for_s() < 10

    assert "took too long" in caplog.records[0].__dict__["error"]


async def test_a_stop_ends_at_once_with_work_under_way() -> None:
    """A pod that does not stop in time is killed, and hands over later."""
    gate = Gate()
    async with asyncio.timeout(5):
        async with running(gate) as queue:
            queue.wake("a")
            queue.wake("b", after_s=3600)
            await wait_until_async(lambda: gate.started == ["a"])
