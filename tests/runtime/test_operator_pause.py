"""The operator's fast path of a pause: from what the watch heard to Redis, past everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from flume.control import Control, Owner, Write
from flume.keys import Keys
from flume.manifest import check
from flume_operator.errors import CredentialsError, UnavailableError
from flume_operator.objects import Key, Pipeline, read_pipeline
from flume_operator.options import Options
from flume_operator.pause import PauseLine
from tests.support.proxy import Proxy
from tests.support.servers import Server
from tests.support.waiting import wait_until_async

KEYS = Keys("orders")


def pipeline(
    generation: int = 1,
    *,
    observed: int | None = None,
    name: str = "email",
    uid: str = "uid",
    created: str = "2026-01-01T00:00:00Z",
    **spec: Any,
) -> Pipeline:
    """Return a Pipeline as the watch tells it."""
    body = {
        "apiVersion": "flume.dev/v1alpha1",
        "kind": "Pipeline",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": uid,
            "generation": generation,
            "creationTimestamp": created,
        },
        "spec": {"queue": "orders", "modules": ["app.jobs"], **spec},
        "status": {} if observed is None else {"observedGeneration": observed},
    }
    return read_pipeline(body)


def owner(of: Pipeline) -> Owner:
    """Return who writes for it."""
    return Owner(str(of.key), of.uid, of.created_ms, of.generation, "home")


class Places:
    """Where Redis is, in place of Secrets in a cluster."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self.urls = dict(urls)
        self.kept: dict[Key, str] = {}
        self.asked = 0
        self.counted: list[tuple[str, float]] = []

    def count(self, outcome: str, seconds: float) -> None:
        """Keep what is told of a call."""
        self.counted.append((outcome, seconds))

    def remembered(self, secret: Key, key: str) -> str | None:
        """Return what was read last."""
        return self.kept.get(secret)

    async def url(self, secret: Key, key: str) -> str:
        """Return the address."""
        self.asked += 1
        if self.urls.get(secret.name) == "away":
            raise UnavailableError("the API server is away")
        if secret.name not in self.urls:
            raise CredentialsError("there is no such Secret", is_missing=True)
        self.kept[secret] = self.urls[secret.name]
        return self.kept[secret]

    def doubt(self, secret: Key, key: str) -> None:
        """Forget."""
        self.kept.pop(secret, None)


@asynccontextmanager
async def carrying(
    places: Places, *known: Pipeline, prefix: str = "flume"
) -> AsyncIterator[PauseLine]:
    """Run the fast path for the time of a block."""
    line = PauseLine(places, owner, Options(key_prefix=prefix).prefix_of, count=places.count)
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(line.run(stopping, lambda: known))
        await wait_until_async(lambda: line.is_running)
        try:
            yield line
        finally:
            stopping.set()


def pauses(server: Server, keys: Keys = KEYS) -> set[bytes]:
    """Return the sources that pause the queue."""
    return set(server.call("HKEYS", keys.pause))


async def until_paused(server: Server, keys: Keys = KEYS) -> None:
    """Wait until the manifest's pause is in force."""
    await wait_until_async(lambda: b"spec" in pauses(server, keys), 5)


async def until_resumed(server: Server, keys: Keys = KEYS) -> None:
    """Wait until it is not."""
    await wait_until_async(lambda: b"spec" not in pauses(server, keys), 5)


async def test_a_change_of_paused_is_carried(server: Server) -> None:
    """And back; other sources are left alone."""
    server.call("HSET", KEYS.pause, "client", "0 1 ada why")
    async with carrying(Places({"flume-redis": server.url})) as line:
        line.changed(pipeline(1, observed=1))
        line.changed(pipeline(2, observed=1, paused=True))
        await until_paused(server)
        line.changed(pipeline(3, observed=2, paused=False))
        await until_resumed(server)

    assert pauses(server) == {b"client"}


async def test_where_redis_is_comes_from_the_spec(server: Server) -> None:
    """Secret and key prefix may be the Pipeline's own."""
    async with carrying(Places({"own": server.url}), prefix="team") as line:
        line.changed(pipeline(1, paused=True, redis={"secretRef": {"name": "own"}}))
        await until_paused(server, Keys("orders", "team"))
        own = {"secretRef": {"name": "own"}, "keyPrefix": "mine"}
        line.changed(pipeline(1, name="other", queue="orders", paused=True, redis=own))
        await until_paused(server, Keys("orders", "mine"))

    assert pauses(server) == set()


async def test_a_spec_that_is_not_valid_otherwise_is_paused_all_the_same(server: Server) -> None:
    """Whoever wants to stop a queue must not have to mend a manifest first."""
    async with carrying(Places({"flume-redis": server.url})) as line:
        line.changed(pipeline(1, paused=True, maxDemand=-1, nonsense={"a": 1}))
        await until_paused(server)


@pytest.mark.parametrize(
    "spec", [{"queue": None}, {"queue": "no good"}, {"redis": "x"}, {"redis": {"secretRef": 7}}]
)
async def test_nonsense_stops_nothing(server: Server, spec: dict[str, Any]) -> None:
    """The next Pipeline's pause goes through."""
    async with carrying(Places({"flume-redis": server.url})) as line:
        line.changed(pipeline(1, name="broken", uid="broken", paused=True, **spec))
        line.changed(pipeline(1, queue="second", paused=True))
        await until_paused(server, Keys("second"))


async def test_only_what_changes_is_sent(server: Server) -> None:
    """Five hundred Pipelines that change otherwise must not get in its way."""
    places = Places({"flume-redis": server.url})
    async with carrying(places, pipeline(4, observed=4, paused=True)) as line:
        line.changed(pipeline(1, uid="new", name="new", queue="new"))
        for generation in (5, 6, 7):
            line.changed(pipeline(generation, observed=4, paused=True, maxDemand=generation))
        assert line.waiting == 0
        line.changed(pipeline(8, observed=4, paused=False))
        assert line.waiting == 1
        await wait_until_async(lambda: line.waiting == 0)

    assert server.call("HGET", KEYS.settings, "paused") == b"8 uid"
    assert [told[0] for told in places.counted] == ["done"]


async def test_what_no_leader_has_written_is_carried_at_the_start(server: Server) -> None:
    """The last one was killed between kubectl's return and its call to Redis."""
    known = pipeline(4, observed=3, paused=True)
    async with carrying(Places({"flume-redis": server.url}), known):
        await until_paused(server)


async def test_a_reconcile_that_hangs_does_not_undo_it(server: Server) -> None:
    """It was begun for the generation before, and comes to Redis afterwards."""
    before, after = pipeline(1, observed=1), pipeline(2, observed=1, paused=True)
    async with Control(server.url) as control:
        await control.apply(check(before.body), owner(before))
        async with carrying(Places({"flume-redis": server.url}), before) as line:
            line.changed(after)
            await until_paused(server)
        late = await control.apply(check(before.body), owner(before))
        assert late.is_in_force
        assert pauses(server) == {b"spec"}
        assert (await control.apply(check(after.body), owner(after))).is_in_force

    assert pauses(server) == {b"spec"}


async def test_the_queue_of_an_older_pipeline_is_left_alone(server: Server) -> None:
    """QueueConflict: the younger one's pause is nobody's."""
    older = pipeline(1, uid="older", name="older")
    younger = pipeline(1, created="2026-01-02T00:00:00Z", paused=True)
    async with Control(server.url) as control:
        await control.apply(check(older.body), owner(older))
        async with carrying(Places({"flume-redis": server.url})) as line:
            line.changed(younger)
            line.changed(pipeline(1, uid="x", name="x", queue="second", paused=True))
            await until_paused(server, Keys("second"))
        assert (await control.apply(check(younger.body), owner(younger))).write is Write.HELD

    assert pauses(server) == set()


async def test_a_pause_binds_once_redis_is_back(server: Server, proxy: Proxy) -> None:
    """Asked for in an outage; no other Redis' pauses wait for it."""
    proxy.refuse()
    places = Places({"flume-redis": proxy.url, "other": server.url})
    async with carrying(places) as line:
        line.changed(pipeline(1, paused=True))
        beside = {"secretRef": {"name": "other"}}
        line.changed(pipeline(1, name="b", uid="b", queue="second", paused=True, redis=beside))
        await until_paused(server, Keys("second"))
        assert pauses(server) == set()
        line.changed(pipeline(2, paused=True, maxDemand=7))
        proxy.heal()
        await until_paused(server)
        await wait_until_async(lambda: server.call("HGET", KEYS.settings, "paused") == b"2 uid")
        await wait_until_async(lambda: [told[0] for told in places.counted].count("done") == 2)

    assert "failed" in [told[0] for told in places.counted]
    assert all(0 < seconds < 5 for _, seconds in places.counted)


async def test_a_pause_of_one_redis_that_hangs_delays_no_other(
    server: Server, proxy: Proxy
) -> None:
    """It takes connections and never answers."""
    proxy.stall()
    places = Places({"flume-redis": proxy.url, "other": server.url})
    async with carrying(places) as line:
        for n in range(70):
            line.changed(pipeline(1, name=f"p{n}", uid=f"u{n}", queue=f"q{n}", paused=True))
        beside = {"secretRef": {"name": "other"}}
        line.changed(pipeline(1, name="b", uid="b", queue="second", paused=True, redis=beside))
        await wait_until_async(lambda: b"spec" in pauses(server, Keys("second")), 0.5)
        proxy.heal()


async def test_a_password_that_was_changed_is_read_again(server: Server) -> None:
    """The address that was remembered is no good any more."""
    places = Places({"flume-redis": server.url})
    places.kept[Key("shop", "flume-redis")] = server.url.replace("//", "//nobody:wrong@")
    async with carrying(places) as line:
        line.changed(pipeline(1, paused=True))
        await until_paused(server)

    assert places.asked == 1


async def test_a_secret_that_is_missing_is_left_to_the_reconcile(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so in a condition; here it is asked for three times and said once."""
    places = Places({})
    async with carrying(places) as line:
        line.changed(pipeline(1, paused=True))
        await wait_until_async(lambda: line.waiting == 0, 5)
        assert places.asked == 3
        places.urls["flume-redis"] = server.url
        line.changed(pipeline(2, paused=False))
        line.changed(pipeline(3, paused=True))
        await until_paused(server)

    said = [record for record in caplog.records if record.msg == "pause_not_written"]
    assert len(said) == 1


async def test_a_pipeline_that_is_gone_is_dropped(server: Server) -> None:
    """One that is made anew under its name is not paused by it, nor takes it for its own."""
    places = Places({"flume-redis": "away"})
    gone, anew = pipeline(1, paused=True), pipeline(1, uid="anew", paused=True)
    async with carrying(places) as line:
        line.changed(gone)
        await wait_until_async(lambda: places.asked >= 1)
        line.forget(gone)
        assert line.waiting == 0
        places.urls["flume-redis"] = server.url
        line.changed(pipeline(1, uid="x", name="x", queue="second", paused=True))
        await until_paused(server, Keys("second"))
        assert pauses(server) == set()
        line.changed(anew)
        line.forget(gone)
        await until_paused(server)
