"""A Redis that stands still, is gone, is emptied, or has another password."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from flume_operator import controls
from tests.support.clusters import Namespace
from tests.support.missing import require
from tests.support.operating import Shop, is_brought_about
from tests.support.servers import Server, running_server
from tests.support.waiting import wait_until

AWAY_SECONDS = 3 * controls.TIMEOUT_S
LONG_AWAY_SECONDS = 300.0
BACK_SECONDS = controls.LONGEST_WAIT_S + 20.0
"""Until a Redis that is back is tried again, a look, and the time of a slow machine."""
OTHERS_SECONDS = 3.0
"""For the Pipelines of another Redis: less than one call that is not answered takes."""


@pytest.fixture
def ill(tmp_path: Path) -> Iterator[Server]:
    """Return a Redis that a test mistreats."""
    require("valkey")
    with running_server("valkey", tmp_path) as server:
        yield server


@pytest.fixture
def ward(namespace: Namespace, shop: Shop, ill: Server) -> Shop:
    """Return the shop with that Redis, beside the one of the session."""
    made = Shop(namespace, ill, ill.url)
    made.make_secret("ill")
    assert shop.url != made.url
    return made


def pipeline(ward: Shop, name: str, **spec: object) -> None:
    """Apply a Pipeline of the Redis that is mistreated, and wait until it is as specified."""
    ward.pipeline(name, redis={"secretRef": {"name": "ill"}}, maxDemand=10, **spec)
    wait_until(is_brought_about(ward, name, 10), 30, what=f"{name} as specified")


def workers(shop: Shop) -> list[tuple[str, int]]:
    """Return what stands for the workers: where it is the same, no pod was touched."""
    found = shop.namespace.get("deployment")["items"]
    return [(item["metadata"]["uid"], item["metadata"]["generation"]) for item in found]


def pauses(shop: Shop, name: str) -> set[bytes]:
    """Return the sources that pause a Pipeline's queue."""
    return set(shop.server.call("HKEYS", f"flume:{{{shop.queue(name)}}}:pause"))


def demand(shop: Shop, name: str) -> int | None:
    """Return the max demand that is in force in Redis."""
    found = json.loads(shop.settings(name).get("json", "{}")).get("max_demand")
    return None if found is None else int(found)


def is_in_force(shop: Shop, name: str, max_demand: int, *, is_paused: bool) -> bool:
    """Whether settings and pause of a Pipeline are in Redis."""
    sources = {b"spec"} if is_paused else set()
    return demand(shop, name) == max_demand and pauses(shop, name) == sources


def await_in_force(ward: Shop, name: str, max_demand: int) -> None:
    """Wait until settings and pause of a Pipeline are in Redis, and its status says so."""
    there = partial(is_in_force, ward, name, max_demand, is_paused=True)
    wait_until(there, BACK_SECONDS, what="settings and pause")
    ward.await_reason(name, "SettingsSynced", "Synced", BACK_SECONDS)
    ward.await_reason(name, "Paused", "PausedBySpec", BACK_SECONDS)


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(
    "away_s",
    [
        AWAY_SECONDS,
        pytest.param(LONG_AWAY_SECONDS, marks=[pytest.mark.soak, pytest.mark.timeout(600)]),
    ],
)
@pytest.mark.parametrize("how", ["frozen", "killed"])
def test_a_redis_that_is_away_holds_up_no_other_and_has_everything_once_it_is_back(
    shop: Shop, ward: Shop, ill: Server, how: str, away_s: float
) -> None:
    """Killed it comes back empty; frozen it keeps whoever asks it waiting."""
    for number in range(6):  # more than calls at once to one Redis
        pipeline(ward, f"ill{number}")
    shop.pipeline("well", maxDemand=1)
    wait_until(is_brought_about(shop, "well", 1), 30, what="well as specified")
    before = workers(shop)
    assert ill.process is not None
    ill.process.freeze() if how == "frozen" else ill.kill()
    for number in range(6):
        ward.patch(f"ill{number}", '{"maxDemand": 11, "paused": true}')
        ward.await_reason(f"ill{number}", "SettingsSynced", "RedisUnavailable")
    began = time.monotonic()
    for turn in itertools.count(2):
        is_paused = turn % 2 == 0
        shop.patch("well", json.dumps({"maxDemand": turn, "paused": is_paused}))
        wait_until(partial(is_in_force, shop, "well", turn, is_paused=is_paused), OTHERS_SECONDS)
        if time.monotonic() - began > away_s:
            break
    status, _, said = ward.condition("ill0", "SettingsSynced")
    during = workers(shop)
    ill.process.thaw() if how == "frozen" else ill.start()

    for number in range(6):
        await_in_force(ward, f"ill{number}", 11)
    assert status == "False"
    assert "Secret ill" in said
    assert during == before == workers(shop)


@pytest.mark.usefixtures("operator")
def test_what_was_flushed_comes_back(ward: Shop, ill: Server) -> None:
    """Workers that find no record would run without a limit, and through a pause."""
    pipeline(ward, "email", paused=True)
    before = workers(ward)
    ill.call("FLUSHALL")

    await_in_force(ward, "email", 10)
    assert workers(ward) == before


@pytest.mark.usefixtures("operator")
def test_a_password_that_changes_is_followed_and_a_wrong_one_named(ward: Shop, ill: Server) -> None:
    """Rotating it must need no restart of anything, and a typo must cost no worker."""
    user = ("ACL", "SETUSER", "flume", "on", "~*", "&*", "+@all", "resetpass")

    def address(password: str) -> str:
        return f"redis://flume:{password}@127.0.0.1:{ill.port}/0"

    ill.call(*user, ">before")
    ward.make_secret("ill", address("before"))
    pipeline(ward, "email")
    before = workers(ward)
    ill.call(*user, ">after")
    ill.call("CLIENT", "KILL", "USER", "flume")
    ward.patch("email", '{"maxDemand": 11, "paused": true}')
    ward.await_reason("email", "SettingsSynced", "RedisRefused")
    ward.make_secret("ill", address("mistyped"))
    ward.patch("email", '{"maxDemand": 12}')
    wait_until(lambda: ward.status("email")["observedGeneration"] == 3, 30, what="the edit")
    status, reason, said = ward.condition("email", "SettingsSynced")
    ward.make_secret("ill", address("after"))

    await_in_force(ward, "email", 12)
    assert (status, reason) == ("False", "RedisRefused")
    assert "Secret ill" in said
    assert workers(ward) == before
    shown = ward.namespace.kubectl("get", "pipelines,events", "-o", "yaml")
    assert not [word for word in ("before@", "mistyped", "after@") if word in shown]
