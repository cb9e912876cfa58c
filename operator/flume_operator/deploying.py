"""Makes the children of a Pipeline what they should be, with as few calls as that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flume_operator.api import MANAGER, SCALE_MANAGER, Api
from flume_operator.cache import Cache
from flume_operator.children import is_foreign
from flume_operator.errors import ConflictError, MissingError, RefusedError
from flume_operator.objects import Child, Key, digest, read_child

DEFAULT_REPLICAS = 1
"""Of a Deployment that is made without them."""
ABSENT_S = 5.0
"""How long a dry run's word that a child is not there holds: until it is made, in the same pass."""
_KUBECTL = "kubectl"
"""How the managers of people begin: what they scaled by hand is drift, and not an autoscaler's."""


_Place = tuple[Key, str, str]
"""Key of the Pipeline, kind and name of a child."""


@dataclass(frozen=True, slots=True)
class _Done:
    """An apply that succeeded."""

    wanted: str
    """Digest of what was sent."""
    found: str
    """Digest of what the API server then had."""
    at: float


class Deployer:
    """Applies children.

    Args:
        api: Of the cluster.
        cache: Of what is known of children: one that nobody touched is not applied again.
        resync_s: Seconds after which it is, whatever is known.
    """

    def __init__(self, api: Api, cache: Cache, *, resync_s: float) -> None:
        self._api = api
        self._cache = cache
        self._resync_s = resync_s
        self._done: dict[_Place, _Done] = {}
        self._replicas: dict[Key, tuple[int, int | None]] = {}  # wanted, and what was found then
        self._absent: dict[_Place, float] = {}  # when it was not there

    def forget(self, key: Key) -> None:
        """Forget what was done for a Pipeline."""
        for known in (self._done, self._absent):
            for place in [place for place in known if place[0] == key]:
                del known[place]
        self._replicas.pop(key, None)

    def distrust(self) -> None:
        """Apply everything again next time: changes may have gone unheard."""
        self._done.clear()

    def is_new(self, key: Key, body: Mapping[str, Any]) -> bool:
        """Whether this process has not applied a child in just this form."""
        done = self._done.get(_place(key, body))
        return done is None or done.wanted != digest(body)

    async def try_out(self, key: Key, body: Mapping[str, Any]) -> None:
        """Ask the API server whether it would take a child.

        Raises:
            ConflictError: If an object of its name is not the Pipeline's.
            RefusedError: If it would not.
        """
        try:
            answer = await self._api.apply(body, dry=True)
        except RefusedError:
            await self._there(key, body)  # another's object is refused for reasons of its own
            raise
        if "resourceVersion" in answer["metadata"]:
            await self._there(key, body)
        else:  # what would be made is not there
            self._absent[_place(key, body)] = asyncio.get_running_loop().time()

    async def deploy(self, key: Key, children: Sequence[Mapping[str, Any]], replicas: int) -> None:
        """Make all children what they should be, in order.

        Args:
            key: Of the Pipeline.
            children: Whole but for replicas.
            replicas: Of the Deployment; an autoscaler that has taken them keeps them.

        Raises:
            ApiError: If one was not applied; those before it were.
        """
        for body in children:
            if body["kind"] == "Deployment":
                await self._deployment(key, body, replicas)
            else:
                await self._child(key, body)

    def deployment(self, key: Key) -> Child | None:
        """Return the Deployment of a Pipeline as it was last seen."""
        return self._cache.child(key, "Deployment", key.name)

    async def _child(self, key: Key, body: Mapping[str, Any]) -> None:
        if not self._is_done(key, body):
            await self._there(key, body)
            self._note(key, body, await self._api.apply(body))

    async def _deployment(self, key: Key, body: Mapping[str, Any], replicas: int) -> None:
        if not self._is_done(key, body):
            sent = body
            if not await self._there(key, body) and replicas != DEFAULT_REPLICAS:
                # Or there would be one pod before there are none.
                sent = {**body, "spec": {**body["spec"], "replicas": replicas}}
            answer = await self._api.apply(sent)
            self._note(key, body, answer)
            if sent is not body or _are_nobodys(answer):
                # SCALE_MANAGER has them from then on, and they are left out the next time.
                await self._scale(key, body, replicas, force=sent is not body)
        found = self.deployment(key)
        there = found.body["replicas"] if found else None
        if there != replicas and self._replicas.get(key) != (replicas, there):
            await self._scale(key, body, replicas, force=False)

    async def _scale(
        self, key: Key, body: Mapping[str, Any], replicas: int, *, force: bool
    ) -> None:
        scale = {
            "apiVersion": body["apiVersion"],
            "kind": body["kind"],
            "metadata": {name: body["metadata"][name] for name in ("name", "namespace")},
            "spec": {"replicas": replicas},
        }
        try:
            found = await self._api.apply(scale, manager=SCALE_MANAGER, force=force)
        except ConflictError as error:
            if f'conflict with "{_KUBECTL}' not in str(error) and MANAGER not in str(error):
                there = self.deployment(key)  # an autoscaler has them, and keeps them
                self._replicas[key] = (replicas, there.body["replicas"] if there else None)
                return
            found = await self._api.apply(scale, manager=SCALE_MANAGER, force=True)
        self._replicas.pop(key, None)
        self._put(found, "Deployment")

    async def _there(self, key: Key, body: Mapping[str, Any]) -> bool:
        """Return whether a child is there already.

        Raises:
            ConflictError: If an object of its name is not the Pipeline's.
        """
        kind, name = body["kind"], body["metadata"]["name"]
        if self._cache.child(key, kind, name) is not None:
            return True
        tried_at = self._absent.pop(_place(key, body), float("-inf"))
        if asyncio.get_running_loop().time() - tried_at < ABSENT_S:
            return False
        try:
            found = await self._api.get(kind, Key(key.namespace, name))
        except MissingError:
            return False
        if is_foreign(found, key.name):
            raise ConflictError(
                f"there is a {kind} {name} already, and it is not this Pipeline's: delete it, or "
                "give the Pipeline another name"
            )
        self._put(found, kind)
        return True

    def _is_done(self, key: Key, body: Mapping[str, Any]) -> bool:
        place = _place(key, body)
        done, there = self._done.get(place), self._cache.child(*place)
        if done is None or there is None:
            return False
        is_fresh = asyncio.get_running_loop().time() - done.at < self._resync_s
        return is_fresh and there.digest == done.found and done.wanted == digest(body)

    def _note(self, key: Key, body: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        child = self._put(found, body["kind"])
        if child is not None:
            now = asyncio.get_running_loop().time()
            self._done[_place(key, body)] = _Done(digest(body), child.digest, now)

    def _put(self, found: Mapping[str, Any], kind: str) -> Child | None:
        child = read_child(kind, found)
        if child is not None:
            self._cache.put_child(child)
        return child


def _place(key: Key, body: Mapping[str, Any]) -> _Place:
    return key, body["kind"], body["metadata"]["name"]


def _are_nobodys(deployment: Mapping[str, Any]) -> bool:
    """Return whether nobody owns the replicas of a Deployment.

    The API server does not note who changes such ones by the scale subresource, as autoscalers do:
    their number would look like one that no manager has asked for.
    """
    entries = deployment["metadata"].get("managedFields") or ()
    return not any("f:replicas" in entry["fieldsV1"].get("f:spec", {}) for entry in entries)
