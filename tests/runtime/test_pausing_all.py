"""Pausing every queue under a prefix, also those to come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flume import Client
from flume.async_queue import AsyncQueue
from flume.connection import SyncConnections
from flume.keys import Keys
from flume.runtime.pauses import adopt
from tests.runtime.working import QUEUE, Stage, named
from tests.support.servers import Server
from tests.support.waiting import wait_until_async


async def _nothing() -> None:
    pass


HANDLER = named("nothing", _nothing)


async def test_all_queues_are_paused_also_those_to_come(stage: Stage) -> None:
    """And a resume of all takes no other pause away."""
    await stage.queue.pause()
    await stage.client.pause_all(reason="migration", expires_in=timedelta(hours=1))
    later: AsyncQueue = stage.client.queue("later")
    (info,) = await later.pauses()
    assert (info.source, info.reason) == ("all", "migration")
    assert {i.source for i in await stage.queue.pauses()} == {"all", "client"}

    await stage.client.enqueue("later", HANDLER)
    before = stage.ready_entries("nothing", "later")
    async with stage.working(HANDLER, queue="later") as worker:
        await stage.until_paused(worker, "later")
        assert stage.ready_entries("nothing", "later") == before
        assert (await later.counts()).is_paused
        await stage.client.resume_all(wait=True)
        await wait_until_async(lambda: stage.server.call("HGET", Keys("later").stats, "completed"))

    assert [i.source for i in await stage.queue.pauses()] == ["client"]


async def test_a_worker_copies_the_pause_of_all_before_it_registers(stage: Stage) -> None:
    """And adds its queue to the list before it reads: pause_all finds it there, or it the pause."""
    await stage.client.pause_all()
    keys = Keys("later")
    with stage.server.watched(also_clients=True) as calls:
        async with stage.working(HANDLER, queue="later"):
            pass
    seen = [call[:3] for call in calls]
    listed = seen.index(["SADD", "flume:queues", "later"])
    read = seen.index(["HGET", "flume:paused", "all"])
    copied = seen.index(["HSET", keys.pause, "all"])
    registered = seen.index(["HSET", keys.workers, "0"])

    assert listed < read < copied < registered


def test_a_copy_that_crossed_a_change_is_made_again(connections: SyncConnections) -> None:
    """Else a resume of all that passed this queue in between would leave it paused for ever."""
    keys = Keys(QUEUE)

    class Crossed(SyncConnections):
        reads = 0

        def call(self, *args: Any, **options: Any) -> Any:
            reply = super().call(*args, **options)
            self.reads += args[0] == "HGET"
            if self.reads == 1:  # … right after the record was read
                connections.call("HDEL", "flume:paused", "all")
            return reply

    connections.call("HSET", "flume:paused", "all", "0 1 ada why")
    crossed = Crossed(connections.url)
    adopt(crossed, keys)
    crossed.close()

    assert connections.call("EXISTS", keys.pause) == 0


async def test_a_queue_that_missed_a_change_for_all_is_put_right(stage: Stage) -> None:
    """A process that died between the record and the queues must not leave one paused for ever."""
    await stage.client.pause_all()
    stage.server.call("HDEL", "flume:paused", "all")  # … and that is where it died
    await stage.client.enqueue(QUEUE, HANDLER)
    async with stage.working(HANDLER):
        await stage.until_empty()


def test_both_clients_have_the_same_methods(server: Server) -> None:
    """What is learned for one holds for the other."""
    with Client(server.url) as client:
        orders = client.queue(QUEUE)
        orders.pause(reason="why", expires_in=timedelta(hours=1), by="ada lovelace")
        client.pause_all()
        every, mine = orders.pauses()

        assert (every.source, mine.source) == ("all", "client")
        assert (mine.reason, mine.by, mine.worker) == ("why", "ada_lovelace", None)
        assert mine.since is not None
        assert mine.until == mine.since + timedelta(hours=1)
        assert abs(mine.since - datetime.now(UTC)) < timedelta(seconds=10)
        assert "@" in every.by
        client.resume_all(wait=True)
        orders.resume(wait=True)
        assert orders.pauses() == []
