"""Count the operator's calls in the audit log of the API server."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.cluster.kind import LOG, Node

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls of the operator, all replicas together."""

    lease: int = 0
    """About its Lease, which two replicas read or renew all the time; not among the others."""
    reads: int = 0
    tries: int = 0
    """Dry runs, which change nothing."""
    writes: dict[str, int] = field(default_factory=dict)
    """Verb and resource -> how many."""

    @property
    def written(self) -> int:
        """How many writes."""
        return sum(self.writes.values())

    @property
    def total(self) -> int:
        """How many calls, the Lease's left out."""
        return self.reads + self.tries + self.written


class Trail:
    """The audit log from some moment on."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._from = 0

    def mark(self) -> None:
        """Forget what was logged until now."""
        self._from = int(self._node.run("stat", "--format", "%s", LOG))

    def counts(self) -> Counts:
        """Return what was logged since."""
        text = self._node.run("tail", "--bytes", f"+{self._from + 1}", LOG)
        return count(text.splitlines())


def count(lines: Iterable[str]) -> Counts:
    """Return what audit events, one a line, tell of the operator's calls."""
    lease = reads = tries = 0
    writes: Counter[str] = Counter()
    for line in lines:
        event = json.loads(line)
        if event["stage"] == "ResponseStarted":  # a watch, which is counted when it ends
            continue
        verb, about = event["verb"], event.get("objectRef", {})
        resource, part = about.get("resource", ""), about.get("subresource", "")
        if resource == "leases":
            lease += 1
        elif verb not in WRITES:
            reads += 1
        elif "dryRun=" in event["requestURI"]:
            tries += 1
        else:
            writes[f"{verb} {resource}/{part}".rstrip("/")] += 1
    return Counts(lease, reads, tries, dict(writes))
