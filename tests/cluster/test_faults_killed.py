"""An operator that is killed at any point of its work, and the next one, which finds the rest."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from flume import Client
from tests.support.api_proxy import ApiProxy
from tests.support.clusters import Namespace
from tests.support.fuse import Fuse
from tests.support.operating import Shop, is_brought_about, running_operator
from tests.support.processes import Process
from tests.support.proxy import Proxy
from tests.support.servers import Server
from tests.support.waiting import wait_until

CHILDREN = "deployment,configmap,pdb"
DONE_SECONDS = 40.0


@pytest.fixture
def shop(namespace: Namespace, valkey: Server, redis_proxy: Proxy) -> Shop:
    """Return a namespace whose Pipelines reach their Redis through the proxy."""
    made = Shop(namespace, valkey, redis_proxy.url)
    made.make_secret()
    return made


@pytest.fixture
def fuse(shop: Shop, api_proxy: ApiProxy, redis_proxy: Proxy) -> Fuse:
    """Return what kills an operator behind both proxies."""
    return Fuse(shop, api_proxy, redis_proxy)


@dataclass(frozen=True, slots=True)
class Flow:
    """Something that an operator does for a Pipeline: what it begins with, and how it ends.

    Each part takes the number of the try.
    """

    prepare: Callable[[int], None]
    name: Callable[[int], str]
    act: Callable[[int], None]
    has_ended: Callable[[int], bool]
    changes: int
    """That it takes at least."""


class Flows:
    """All flows."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def create(self) -> Flow:
        """Return the making of a Pipeline that is paused from the start."""

        def act(number: int) -> None:
            self._shop.pipeline(f"made-{number}", maxDemand=number, paused=True)

        def has_ended(number: int) -> bool:
            return self._is_so(f"made-{number}", number, is_paused=True)

        return Flow(lambda _: None, lambda number: f"made-{number}", act, has_ended, 6)

    def edit(self) -> Flow:
        """Return an edit of a live field and of the shape of pods."""

        def act(number: int) -> None:
            env = [{"name": "EDIT", "value": str(number)}]
            self._shop.patch("email", json.dumps({"maxDemand": number, "env": env}))

        def has_ended(number: int) -> bool:
            return self._is_so("email", number) and self._env() == str(number)

        return Flow(self._there, lambda _: "email", act, has_ended, 4)

    def pause(self, *, is_paused: bool = True) -> Flow:
        """Return a pause, or a resume."""

        def prepare(number: int) -> None:
            self._there(number)
            self._pause(not is_paused)
            wait_until(lambda: self._is_so("email", 1000, is_paused=not is_paused), DONE_SECONDS)

        def has_ended(_number: int) -> bool:
            return self._is_so("email", 1000, is_paused=is_paused)

        return Flow(prepare, lambda _: "email", lambda _: self._pause(is_paused), has_ended, 3)

    def delete(self, policy: str, left: int, changes: int) -> Flow:
        """Return a deletion, with two jobs in the queue of which ``left`` stay."""
        shop = self._shop

        def prepare(number: int) -> None:
            shop.pipeline("email", maxDemand=number, deletionPolicy=policy)
            wait_until(lambda: self._is_so("email", number), DONE_SECONDS)
            with Client(shop.server.url) as client:
                client.queue(shop.queue("email")).purge()
                for _ in range(2):
                    client.enqueue(shop.queue("email"), "app.jobs.send")

        def act(_number: int) -> None:
            shop.namespace.kubectl("delete", "pipeline", "email", "--wait=false")

        def has_ended(_number: int) -> bool:
            if shop.has("pipeline", "email") or shop.has(
                CHILDREN, "-l", "flume.dev/pipeline=email"
            ):
                return False
            is_released = policy == "Retain" or "json" not in shop.settings("email")
            with Client(shop.server.url) as client:
                return is_released and client.queue(shop.queue("email")).counts().ready == left

        return Flow(prepare, lambda _: "email", act, has_ended, changes)

    def _there(self, number: int) -> None:
        if number == 1:
            self._shop.pipeline("email", maxDemand=1000)
            wait_until(lambda: self._is_so("email", 1000), DONE_SECONDS)

    def _pause(self, is_paused: bool) -> None:
        self._shop.patch("email", json.dumps({"paused": is_paused}))

    def _is_so(self, name: str, max_demand: int, *, is_paused: bool = False) -> bool:
        shop = self._shop
        pauses = shop.server.call("HKEYS", f"flume:{{{shop.queue(name)}}}:pause")
        return (
            is_brought_about(shop, name, max_demand)()
            and pauses == [b"spec"] * is_paused
            and shop.status(name)["paused"] is is_paused
        )

    def _env(self) -> str:
        pod = self._shop.namespace.get("deployment", "email")["spec"]["template"]["spec"]
        found = {item["name"]: item.get("value", "") for item in pod["containers"][0]["env"]}
        return str(found.get("EDIT", ""))


FLOWS: dict[str, Callable[[Flows], Flow]] = {
    "create": Flows.create,
    "edit": Flows.edit,
    "pause": Flows.pause,
    "resume": lambda flows: flows.pause(is_paused=False),
    "delete": lambda flows: flows.delete("Retain", left=2, changes=1),
    "purge": lambda flows: flows.delete("Purge", left=0, changes=4),
    "drain": lambda flows: flows.delete("Drain", left=2, changes=3),
}
SHORT = ("create", "edit", "pause", "resume", "delete", "purge")


@pytest.mark.timeout(400, func_only=True)
@pytest.mark.parametrize(
    "which",
    [name if name != "drain" else pytest.param(name, marks=pytest.mark.soak) for name in FLOWS],
)
def test_wherever_an_operator_is_killed_the_next_one_brings_the_rest_about(
    fuse: Fuse, tmp_path: Path, which: str
) -> None:
    """Once after each change that it makes; the last life is one that nobody ends."""
    flow, shop = FLOWS[which](Flows(fuse.shop)), fuse.shop
    environment = {"KUBECONFIG": str(fuse.api.kubeconfig(tmp_path))}
    flags = ("--namespaces", shop.namespace.name, "--look", "600")

    def living(number: int) -> AbstractContextManager[Process]:
        log, cluster = tmp_path / f"{number}.log", shop.namespace.cluster
        return running_operator(cluster, log, *flags, environment=environment)

    def await_end(number: int) -> None:
        what = f"the end of {which} after a kill at change {number}"
        wait_until(lambda: flow.has_ended(number), DONE_SECONDS, what=what)

    def is_over(process: Process, number: int) -> bool:
        assert process.returncode is None or fuse.is_burnt, process.output
        return fuse.is_burnt or flow.has_ended(number)

    for number in itertools.count(1):
        with living(number) as process:
            if number > 1:
                await_end(number - 1)
            flow.prepare(number)
            fuse.arm(process, flow.name(number), number)
            flow.act(number)
            over = partial(is_over, process, number)
            wait_until(over, DONE_SECONDS, what=f"change {number} of {which}")
            fuse.disarm()
        if not fuse.is_burnt:
            break

    assert number > flow.changes
