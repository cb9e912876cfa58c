"""What was heard from the cluster: Pipelines, and the children made for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from flume_operator.objects import Child, Key, Pipeline

LATE = 1000
"""Of so many objects that went last, an answer that comes late is known as one."""


class Cache:
    """The newest that is known.  Belongs to the event loop that reconciles."""

    def __init__(self) -> None:
        self._pipelines: dict[Key, Pipeline] = {}
        self._children: dict[Key, dict[tuple[str, str], Child]] = {}
        self._dropped: dict[str, str] = {}  # uid and version of what went last

    def __len__(self) -> int:
        return len(self._pipelines)

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._pipelines))

    def pipelines(self) -> list[Pipeline]:
        """Return all Pipelines."""
        return list(self._pipelines.values())

    def pipeline(self, key: Key) -> Pipeline | None:
        """Return a Pipeline."""
        return self._pipelines.get(key)

    def child(self, key: Key, kind: str, name: str) -> Child | None:
        """Return a child of a Pipeline."""
        return self._children.get(key, {}).get((kind, name))

    def put(self, pipeline: Pipeline) -> Pipeline | None:
        """Keep a Pipeline, and return what was known of it before.

        A version that is older than what is known changes nothing, and is answered with the known
        one: the answer to our own write may come before the events that led to it, or be read
        after the news of what came of it, and nothing tells that news again.
        """
        known = self._pipelines.get(pipeline.key)
        if known is not None and known.uid != pipeline.uid:
            self._went(known.uid, known.resource_version)
        elif known is not None and is_older(pipeline, known):
            return known
        if not self._is_late(pipeline.uid, pipeline.resource_version):
            self._pipelines[pipeline.key] = pipeline
        return known

    def drop(self, pipeline: Pipeline) -> None:
        """Forget a Pipeline that is gone."""
        self._pipelines.pop(pipeline.key, None)
        self._went(pipeline.uid, pipeline.resource_version)

    def put_child(self, child: Child) -> Child | None:
        """Keep a child, unless it is older than what is known; return what was known before."""
        known = self.child(child.owner, child.kind, child.name)
        uid, version = child.body["uid"], child.body["resourceVersion"]
        is_same = known is not None and known.body["uid"] == uid
        if known is not None and is_same and _is_before(version, known.body["resourceVersion"]):
            return known
        if not self._is_late(uid, version):
            self._children.setdefault(child.owner, {})[child.kind, child.name] = child
        return known

    def drop_child(self, child: Child) -> None:
        """Forget a child that is gone, or has lost the label by which it is watched."""
        children = self._children.get(child.owner, {})
        children.pop((child.kind, child.name), None)
        if not children:
            self._children.pop(child.owner, None)
        self._went(child.body["uid"], child.body["resourceVersion"])

    def _went(self, uid: str, version: str) -> None:
        self._dropped[uid] = version
        if len(self._dropped) > LATE:
            del self._dropped[next(iter(self._dropped))]

    def _is_late(self, uid: str, version: str) -> bool:
        return _is_before(version, self._dropped.get(uid, ""))

    def gone(self, there: Collection[tuple[Key, str]]) -> list[Key]:
        """Return the keys that are known here and not in ``there``, which has keys and uids."""
        present = set(there)
        return [key for key, p in self._pipelines.items() if (key, p.uid) not in present]


def is_older(one: Pipeline, other: Pipeline) -> bool:
    """Whether a Pipeline of one uid is an older version than another.

    The order of resource versions is part of the API since Kubernetes 1.35, and true before.
    """
    return _is_before(one.resource_version, other.resource_version)


def _is_before(one: str, other: str) -> bool:
    return one.isdigit() and other.isdigit() and int(one) < int(other)
