"""What was heard from the cluster: Pipelines, and the children made for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from flume_operator.objects import Child, Key, Pipeline


class Cache:
    """The newest that is known.  Belongs to the event loop that reconciles."""

    def __init__(self) -> None:
        self._pipelines: dict[Key, Pipeline] = {}
        self._children: dict[Key, dict[tuple[str, str], Child]] = {}

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

        A version that is older than the known one changes nothing, and is answered with the known
        one: the answer to our own write may come before the events that led to it.
        """
        known = self._pipelines.get(pipeline.key)
        if known is None or known.uid != pipeline.uid or not is_older(pipeline, known):
            self._pipelines[pipeline.key] = pipeline
        return known

    def drop(self, key: Key) -> Pipeline | None:
        """Forget a Pipeline that is gone, and return it."""
        return self._pipelines.pop(key, None)

    def put_child(self, child: Child) -> Child | None:
        """Keep a child, and return what was known of it before."""
        children = self._children.setdefault(child.owner, {})
        known = children.get((child.kind, child.name))
        children[child.kind, child.name] = child
        return known

    def drop_child(self, child: Child) -> None:
        """Forget a child that is gone."""
        children = self._children.get(child.owner, {})
        children.pop((child.kind, child.name), None)
        if not children:
            self._children.pop(child.owner, None)

    def gone(self, there: Collection[tuple[Key, str]]) -> list[Key]:
        """Return the keys that are known here and not in ``there``, which has keys and uids."""
        present = set(there)
        return [key for key, p in self._pipelines.items() if (key, p.uid) not in present]


def is_older(one: Pipeline, other: Pipeline) -> bool:
    """Whether a Pipeline of one uid is an older version than another.

    The order of resource versions is part of the API since Kubernetes 1.35, and true before.
    """
    if one.resource_version.isdigit() and other.resource_version.isdigit():
        return int(one.resource_version) < int(other.resource_version)
    return False
