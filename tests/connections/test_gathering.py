"""Callers who come while others are under way go out together, and each learns its own end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from flume import AsyncClient, ref
from flume.codec import Body, encode
from flume.commands.client import ENQUEUE_AT_ONCE
from flume.errors import ForeignDataError
from flume.gathering import FLIGHTS, Gatherer
from flume.job import Job, new_id
from flume.sending import Group
from tests.support.loops import LOOPS
from tests.support.servers import Server

SEND = ref("app.send")


class Sender:
    """Notes the groups that are sent, and holds them back while ``flows`` is not set."""

    def __init__(self) -> None:
        self.flows = asyncio.Event()
        self.flows.set()
        self.began = asyncio.Event()
        self.error: Exception | None = None
        self.sent: list[list[str]] = []
        self.gatherer = Gatherer(self._send)

    async def _send(self, group: Group) -> None:
        self.sent.append([job.handler for job in group.jobs])
        self.began.set()
        await self.flows.wait()
        if self.error is not None:
            raise self.error

    def hand_in(self, name: str) -> asyncio.Task[bool]:
        """Return a caller that hands in a job of this name."""
        body = Body(name)
        return asyncio.Task(self.gatherer.hand_in(Job(new_id(), body), encode(body)))

    def hand_in_all(self, names: Sequence[str]) -> list[asyncio.Task[bool]]:
        """Return a caller for each name."""
        return [self.hand_in(name) for name in names]

    async def hold(self) -> list[asyncio.Task[bool]]:
        """Return callers whose calls are under way, as many as may be, until ``flows`` is set."""
        self.flows.clear()
        callers = []
        for _ in range(FLIGHTS):
            callers.append(self.hand_in("held"))
            await self.began.wait()
            self.began.clear()
        return callers


HELD = [["held"]] * FLIGHTS


async def until_waiting() -> None:
    """Let each caller come as far as it can by itself."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_callers_who_come_at_once_share_a_call_in_their_order() -> None:
    """One round trip for all of them, and jobs run in the order in which they were handed in."""
    sender = Sender()

    answers = await asyncio.gather(*sender.hand_in_all("abcde"))

    assert answers == [True] * 5
    assert sender.sent == [list("abcde")]


async def test_callers_who_come_while_all_calls_are_under_way_share_the_next() -> None:
    """More calls under way, each with fewer jobs, would cost more."""
    sender = Sender()
    held = await sender.hold()
    callers = sender.hand_in_all("abc")
    await until_waiting()
    sender.flows.set()

    assert all(await asyncio.gather(*held, *callers))
    assert sender.sent == [*HELD, list("abc")]


async def test_as_many_callers_as_last_time_go_in_two_halves() -> None:
    """While Redis works on the jobs of one half, the other half gets its answers."""
    sender = Sender()
    held = await sender.hold()
    callers = sender.hand_in_all("abcdefghij")
    await until_waiting()
    sender.flows.set()
    await asyncio.gather(*held, *callers)
    await asyncio.gather(*sender.hand_in_all("abcdefghij"))

    assert sender.sent == [*HELD, list("abcdefghij"), list("abcde"), list("fghij")]


async def test_two_callers_go_together_however_often_they_come() -> None:
    """Two calls of one job each would take longer than one of two."""
    sender = Sender()
    for _ in range(5):
        await asyncio.gather(*sender.hand_in_all("ab"))

    assert sender.sent == [list("ab")] * 5


async def test_a_full_group_takes_no_more_and_the_next_goes_behind_it() -> None:
    """A call has a limit, and the order holds across it."""
    sender = Sender()
    names = [str(number) for number in range(2 * ENQUEUE_AT_ONCE + 1)]

    await asyncio.gather(*sender.hand_in_all(names))

    assert [len(group) for group in sender.sent] == [ENQUEUE_AT_ONCE, ENQUEUE_AT_ONCE, 1]
    assert [name for group in sender.sent for name in group] == names


async def test_an_error_reaches_each_caller_and_none_that_comes_later() -> None:
    """Each of them holds a job that is not stored."""
    sender = Sender()
    sender.error = ForeignDataError("a key of another kind")
    failed = await asyncio.gather(*sender.hand_in_all("abc"), return_exceptions=True)
    sender.error = None

    assert [type(error) for error in failed] == [ForeignDataError] * 3
    assert await sender.hand_in("d") is True


async def test_where_the_leader_is_cancelled_before_its_call_the_others_are_told() -> None:
    """They send for themselves then; the next caller begins another group."""
    sender = Sender()
    held = await sender.hold()
    leader, *followers = sender.hand_in_all("abc")
    await until_waiting()
    leader.cancel()
    answers = await asyncio.gather(*followers)
    later = sender.hand_in("d")
    sender.flows.set()

    assert answers == [False, False]
    assert all(await asyncio.gather(*held, later))
    assert sender.sent == [*HELD, ["d"]]


async def test_where_the_leader_is_cancelled_during_its_call_the_others_are_told() -> None:
    """It is not known whether their jobs are stored."""
    sender = Sender()
    sender.flows.clear()
    leader, *followers = sender.hand_in_all("abc")
    await sender.began.wait()
    leader.cancel()
    answers = await asyncio.gather(*followers)
    sender.flows.set()

    assert answers == [False, False]
    assert await sender.hand_in("d") is True


async def test_a_follower_that_is_cancelled_changes_nothing_for_the_others() -> None:
    """Its job goes out all the same: nobody can tell any more whether it did."""
    sender = Sender()
    held = await sender.hold()
    callers = sender.hand_in_all("abc")
    await until_waiting()
    callers[1].cancel()
    sender.flows.set()
    answers = await asyncio.gather(*callers, return_exceptions=True)

    assert isinstance(answers.pop(1), asyncio.CancelledError)
    assert answers == [True] * 2
    assert all(await asyncio.gather(*held))
    assert sender.sent == [*HELD, list("abc")]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_gatherer_serves_one_event_loop_after_the_other(loop: str) -> None:
    """Its lock was the first loop's: in the second one callers failed, and those behind hung."""
    sender = Sender()

    async def gather() -> list[bool]:
        async with asyncio.timeout(5):
            return await asyncio.gather(*sender.hand_in_all([SEND.name] * 3 * ENQUEUE_AT_ONCE))

    for _ in range(2):
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            assert all(runner.run(gather()))


async def test_jobs_of_many_callers_are_ready_in_the_order_of_their_calls(server: Server) -> None:
    """Callers of one client see what a queue is: first in, first out."""
    async with AsyncClient(server.url) as client:
        await client.enqueue("email", SEND)
        jobs = await asyncio.gather(*(client.enqueue("email", SEND, n) for n in range(300)))
        ready = await client.queue("email").jobs("ready", limit=1000)

    assert [job.id for job in ready][1:] == [job.id for job in jobs]


async def test_what_redis_refuses_is_told_to_each_caller(server: Server) -> None:
    """None of them may believe that its job is stored."""
    async with AsyncClient(server.url) as client:
        await client.enqueue("email", SEND)
        server.call("DEL", "flume:{email}:jobs")
        server.call("SET", "flume:{email}:jobs", "not ours")
        failed = await asyncio.gather(
            *(client.enqueue("email", SEND, n) for n in range(5)), return_exceptions=True
        )

    assert [type(error) for error in failed] == [ForeignDataError] * 5
