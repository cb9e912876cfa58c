"""flume.control: what the operator puts in force in Redis, and what it sees there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flume.commands.client import Lane
from flume.commands.limit import Definition, InForce, reserve
from flume.control import Control, Owner, Write
from flume.errors import ForeignDataError, ServerUnavailableError
from flume.keys import Keys, LimitKeys
from flume.manifest import Manifest, check
from flume.settings_record import settings_in
from tests.runtime.working import QUEUE, Stage, named
from tests.support.proxy import Proxy
from tests.support.servers import Server

OWNER = Owner("default/email", "uid-1", 1_700_000_000_000, 1, "home")
YOUNGER = replace(OWNER, name="other/email", uid="uid-2", created_ms=OWNER.created_ms + 1)
KEYS = Keys(QUEUE)


def manifest(queue: str = QUEUE, **spec: Any) -> Manifest:
    """Return a Pipeline."""
    return check(
        {
            "apiVersion": "flume.dev/v1alpha1",
            "kind": "Pipeline",
            "metadata": {"name": "email", "namespace": "default"},
            "spec": {"queue": queue, "modules": ["app.jobs"], **spec},
        }
    )


def limited(count: int, key: str | None = "vendor", queue: str = QUEUE, **spec: Any) -> Manifest:
    """Return one with a rate limit of a minute; without a key it is the queue's own."""
    shared = {"key": key} if key else {}
    return manifest(queue, rateLimit={"count": count, "periodSeconds": 60, **shared}, **spec)


@pytest.fixture
async def control(server: Server) -> AsyncIterator[Control]:
    """Return a control of the server."""
    async with Control(server.url) as opened:
        yield opened


async def test_a_manifest_is_put_in_force_as_a_whole(control: Control, server: Server) -> None:
    """Settings, pause and rate limit."""
    applied = await control.apply(limited(5, paused=True, maxDemand=7), OWNER)

    assert (applied.write, applied.is_in_force, applied.generation) == (Write.DONE, True, 1)
    assert applied.limit == InForce(5, 60_000, is_mismatch=False)
    assert settings_in(QUEUE, server.call("HGET", KEYS.settings, "json")).max_demand == 7
    seen = await control.look(QUEUE)
    assert [(pause.source, pause.by) for pause in seen.pauses] == [("spec", "default/email")]
    assert seen.record is not None
    assert seen.record.owner == OWNER


async def test_applying_again_changes_nothing(control: Control) -> None:
    """A controller at rest comes by every few minutes."""
    await control.apply(limited(5), OWNER)
    again = await control.apply(limited(5), OWNER)

    assert (again.write, again.generation) == (Write.SAME, 1)
    assert again.limit == InForce(5, 60_000, is_mismatch=False)


async def test_a_younger_owner_is_told_who_has_the_queue(control: Control) -> None:
    """Also of the pause and of the rate limit nothing is written."""
    await control.apply(manifest(), OWNER)
    refused = await control.apply(limited(5), YOUNGER)

    assert (refused.write, refused.is_in_force) == (Write.HELD, False)
    assert (refused.holder, refused.limit) == (OWNER, None)
    assert (await control.pause(QUEUE, YOUNGER, is_paused=True)).write is Write.HELD
    assert (await control.look(QUEUE)).pauses == []


async def test_a_queue_is_free_once_its_owner_is_gone(control: Control) -> None:
    """The other pipeline has waited for it."""
    await control.apply(manifest(paused=True), OWNER)
    assert await control.release(QUEUE, OWNER.uid)

    assert (await control.apply(manifest(), YOUNGER)).write is Write.DONE
    assert (await control.look(QUEUE)).pauses == []
    assert (await control.apply(manifest(paused=True), OWNER)).write is Write.GONE
    assert not await control.release(QUEUE, OWNER.uid)


async def test_an_owner_that_moved_leaves_its_queue_unless_it_is_the_same(
    control: Control, stage: Stage
) -> None:
    """Two addresses of one Redis look like two; its settings and pause are not to be lost."""
    alias = Control(stage.server.url.replace("127.0.0.1", "127.1"))
    await alias.apply(manifest(paused=True), OWNER)
    await control.apply(manifest(paused=True), OWNER)
    assert not await alias.leave(QUEUE, OWNER.uid)
    assert [pause.source for pause in (await control.look(QUEUE)).pauses] == ["spec"]

    assert await control.leave(QUEUE, OWNER.uid)
    assert (await control.apply(manifest(), YOUNGER)).write is Write.DONE
    assert (await control.apply(manifest(), OWNER)).is_in_force  # back, and older
    await alias.close()


async def test_an_owner_known_to_be_gone_is_replaced(control: Control) -> None:
    """Deleted while no operator ran: nobody has released its queue."""
    await control.apply(manifest(), OWNER)
    asked: list[Owner] = []

    def is_gone(holder: Owner) -> bool:
        asked.append(holder)
        return True

    assert (await control.apply(manifest(), YOUNGER, is_gone=is_gone)).holder == YOUNGER
    assert asked == [OWNER]
    assert (await control.pause(QUEUE, OWNER, is_paused=True)).write is Write.GONE


async def test_a_laptop_gives_way(control: Control) -> None:
    """``flume dev`` was there first, and who ran it has gone home."""
    laptop = Owner("dev/email", "dead", OWNER.created_ms - 1)
    await control.apply(manifest(paused=True), laptop)

    assert (await control.pause(QUEUE, OWNER, is_paused=False)).is_in_force
    assert (await control.look(QUEUE)).pauses == []
    assert (await control.apply(manifest(), OWNER)).holder == OWNER


async def test_a_limit_of_another_key_takes_the_former_one_back(
    control: Control, stage: Stage
) -> None:
    """The former would go on to hold back the pipelines that share it."""
    await control.apply(limited(5, "vendor"), OWNER)
    other = Control(stage.server.url)
    wide = limited(9, "vendor", "second")
    strictest = await other.apply(wide, YOUNGER)
    assert strictest.limit == InForce(5, 60_000, is_mismatch=True)
    both = await control.apply(limited(5), OWNER)  # the strictest hears of it as well
    assert both.limit == InForce(5, 60_000, is_mismatch=False, others_differ=True)
    await control.apply(limited(5, "new"), OWNER)

    assert (await other.apply(wide, YOUNGER)).limit == InForce(9, 60_000, is_mismatch=False)
    await control.apply(limited(5, "vendor"), replace(OWNER, spec=2))
    assert (await other.apply(wide, YOUNGER)).limit == InForce(5, 60_000, is_mismatch=True)
    await control.release(QUEUE, OWNER.uid)
    assert (await other.apply(wide, YOUNGER)).limit == InForce(9, 60_000, is_mismatch=False)
    await other.close()


async def test_a_limit_holds_at_once_for_who_comes_after_one_that_is_gone(
    control: Control, stage: Stage
) -> None:
    """Deleted and made again at once: between the two nobody may start more."""
    await control.apply(limited(5, None), OWNER)
    await control.release(QUEUE, OWNER.uid)
    applied = await control.apply(limited(3, None), YOUNGER)
    assert applied.limit == InForce(3, 60_000, is_mismatch=False)
    own = Definition(3, 60_000, applied.generation)
    taking = reserve(LimitKeys.private(QUEUE), QUEUE, Lane("lane", 1), 100, own)
    grant = await stage.client._connections.run(taking)

    assert grant.count == 3


async def test_a_worker_that_sleeps_in_a_pause_wakes_when_its_manifest_resumes(
    control: Control, stage: Stage
) -> None:
    """A beat comes only twice a second, a stream's entry at once."""
    ran = asyncio.Event()

    async def run() -> None:
        ran.set()

    handler = named("a", run)
    await control.apply(manifest(paused=True), OWNER)
    await stage.client.enqueue(QUEUE, handler)
    async with stage.working(handler) as worker:
        await stage.until_paused(worker)
        began = time.monotonic()
        await control.pause(QUEUE, replace(OWNER, spec=2), is_paused=False)
        await asyncio.wait_for(ran.wait(), 5)
        took = time.monotonic() - began

    assert took < 0.4


async def test_a_look_tells_what_is_there(control: Control, stage: Stage) -> None:
    """All that the status and the gauges need, by handler, also of queues without workers."""

    async def run() -> None:
        pass

    await stage.client.enqueue_many(QUEUE, [named("a", run).job() for _ in range(3)])
    await stage.client.enqueue_in(QUEUE, timedelta(hours=1), named("a", run))
    await stage.queue.pause(reason="vendor down", by="ada")
    await stage.client.pause_all(reason="freeze", by="bob")
    seen = await control.look(QUEUE)

    assert (seen.record, seen.problem, seen.workers, seen.acknowledged) == (None, "", [], 0)
    assert {name: depth.depth for name, depth in seen.counts.handlers.items()} == {"a": 3}
    assert (seen.counts.scheduled, seen.counts.is_paused) == (1, True)
    assert [(p.source, p.reason, p.by) for p in seen.pauses] == [
        ("all", "freeze", "bob"),
        ("client", "vendor down", "ada"),
    ]


async def test_a_look_counts_the_workers_that_obey_the_settings(
    control: Control, stage: Stage
) -> None:
    """Status says how far a change has come; a worker that died counts neither way."""

    async def run() -> None:
        pass

    await control.apply(manifest(), OWNER)
    stage.server.call("HSET", KEYS.workers, 77, "1700000000000 ghost {}")
    async with stage.working(named("a", run)), stage.working(named("a", run)):
        await acknowledged(control, 2)
        await control.apply(manifest(maxDemand=3), replace(OWNER, spec=2))
        await acknowledged(control, 2)
        seen = await control.look(QUEUE)

    assert (len(seen.workers), seen.acknowledged) == (2, 2)
    assert seen.record is not None
    assert seen.record.generation == 2


async def acknowledged(control: Control, count: int) -> None:
    """Wait until so many workers obey the settings in force."""
    async with asyncio.timeout(5):
        while (await control.look(QUEUE)).acknowledged != count:
            pass


async def test_settings_that_cannot_be_read_are_told(control: Control, server: Server) -> None:
    """And mended at the next apply."""
    await control.apply(manifest(), OWNER)
    server.call("HSET", KEYS.settings, "json", "x")
    seen = await control.look(QUEUE)

    assert seen.record is None
    assert "not JSON" in seen.problem
    await control.apply(manifest(), OWNER)
    assert (await control.look(QUEUE)).problem == ""


async def test_a_purge_leaves_no_job(control: Control, stage: Stage, emptied: None) -> None:
    """Whatever state they are in; running ones are told at their next extension."""
    gate = asyncio.Event()
    handler = named("a", gate.wait)
    await stage.client.enqueue_many(QUEUE, [handler.job() for _ in range(5)])
    await stage.client.enqueue_in(QUEUE, timedelta(hours=1), handler)
    async with stage.working(handler, max_demand=2):
        await stage.until(lambda c: c.running == 2)
        assert await control.purge(QUEUE) == 6
        gate.set()
        await stage.until(lambda c: not c.running)

    assert await control.purge(QUEUE) == 0
    assert (await stage.queue.counts()).totals["purged"] == 4


async def test_a_foreign_key_is_named(control: Control, server: Server) -> None:
    """It goes into a condition as it is."""
    server.call("SET", KEYS.settings, "x")

    with pytest.raises(ForeignDataError, match="Rename or delete that key"):
        await control.apply(manifest(), OWNER)


async def test_redis_that_is_away_is_named_without_its_password(proxy: Proxy) -> None:
    """Errors end in conditions and logs."""
    url = proxy.url.replace("//", "//user:secret@")
    async with Control(url, timeout=1.0) as control:
        proxy.refuse()
        with pytest.raises(ServerUnavailableError) as raised:
            await control.apply(manifest(), OWNER)

    assert "secret" not in f"{raised.value}{control.where}"
