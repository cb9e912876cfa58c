"""Keeps the leases of what a worker holds, in the heartbeat's thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from flume.commands import worker as commands
from flume.commands.command import Argument
from flume.connection import SyncConnections
from flume.current import HeldJob
from flume.keys import Keys
from flume.runtime.demand import Demand
from flume.runtime.identity import Identity
from flume.runtime.lane import TIMEOUT_GRACE_S

CALL_TIMEOUT_S = 5.0
"""Longest time for a call of the heartbeat, where leases are long."""
LINGER_S = 1.0
"""How much longer than a lease a claim that asked for it may be on its way."""


class Extender:
    """Extends what has used up a third of its lease and may go on, or waits to be stored.

    Args:
        keys: Of the queue.
        connections: The heartbeat's.
        demand: What the worker holds.
        identity: Has the lease that is in force.
        unstored: Returns the outcomes, id and fence in turn, that nobody has stored for so long.
        on_lost: Told (in this thread) which jobs are not ours any more; some may have ended.
    """

    def __init__(
        self,
        keys: Keys,
        connections: SyncConnections,
        demand: Demand,
        identity: Identity,
        *,
        unstored: Callable[[float], list[Argument]],
        on_lost: Callable[[Sequence[HeldJob]], None],
    ) -> None:
        self._keys = keys
        self._connections = connections
        self._demand = demand
        self._identity = identity
        self._unstored = unstored
        self._on_lost = on_lost
        self._lease_ms = identity.lease_ms
        self._former_ms = identity.lease_ms
        self._former_until = 0.0

    def extend(self) -> None:
        """Extend all that is due.

        Raises:
            ServerError: If Redis did not do it; the next call tries again.
        """
        now, lease_ms = time.monotonic(), self._identity.lease_ms
        age = self._shortest_ms(now, lease_ms) / 3000
        due = [
            job
            for job in list(self._demand.held.values())
            if now - job.extended_at >= age and _may_go_on(job, now)
        ]
        for start in range(0, len(due), commands.RELEASE_AT_ONCE):
            part = due[start : start + commands.RELEASE_AT_ONCE]
            pairs: list[Argument] = [item for job in part for item in (job.id, job.fence)]
            lost = self._connections.run(commands.extend(self._keys, pairs, lease_ms=lease_ms))
            for job in part:
                job.extended_at = now
            if lost:
                gone = set(lost)
                self._on_lost([job for job in part if job.id in gone])
        ended = self._unstored(age)
        for start in range(0, len(ended), 2 * commands.RELEASE_AT_ONCE):
            part_of = ended[start : start + 2 * commands.RELEASE_AT_ONCE]
            command = commands.extend(self._keys, part_of, lease_ms=lease_ms)
            self._connections.run(command)  # a lost one has been stored meanwhile

    def _shortest_ms(self, now: float, lease_ms: int) -> int:
        """Return the shortest lease that a held job may have.

        After a change that is the former one, until all it was given to have been extended: a job
        leased for 1 s must not wait for a third of the 30 s that others get.
        """
        if lease_ms != self._lease_ms:
            is_in_change = now < self._former_until
            former = min(self._lease_ms, self._former_ms) if is_in_change else self._lease_ms
            self._former_ms, self._lease_ms = former, lease_ms
            self._former_until = now + former / 1000 + LINGER_S
            self._connections.set_timeout(call_timeout(lease_ms))
        return min(lease_ms, self._former_ms) if now < self._former_until else lease_ms


def call_timeout(lease_ms: int) -> float:
    """Return how long a call of the heartbeat may take, in s.

    A lease is extended once a third of it is used up.  Another third for a connection that is
    stuck leaves the last one for the call over a new connection.
    """
    return min(CALL_TIMEOUT_S, max(1.0, lease_ms / 3000))


def _may_go_on(job: HeldJob, now: float) -> bool:
    """Whether a lease is renewed: not once its job is past its timeout and grace."""
    if job.is_settled:  # it was given back unrun
        return False
    return not job.started_at or now - job.started_at < job.timeout_s + TIMEOUT_GRACE_S
