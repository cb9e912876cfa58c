"""A queue as it should be: what each script does, said in a few lines of Python.

Times are seconds on the shifted clock.  Steps of the clock are multiples of 20 s, waits and leases
are odd multiples of 10 s, so that the few ms a test takes decide nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

LEASE_S = 30
SILENCE_S = 10
FAR_S = LEASE_S + 5
MAX_CRASHES = 1  # few enough that chance finds a burial


@dataclass
class Lease:
    """A claim's right to a job."""

    fence: int
    owner: str
    until: int


@dataclass
class QueueModel:
    """Where every job is, and what has been counted."""

    now: int = 0
    places: dict[str, str] = field(default_factory=dict)
    """Id -> ready, alone, scheduled, retrying, running or dead; a job that ended is not here."""
    handlers: dict[str, str] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    """Also of cancelled jobs, until their worker or a reclaim lets go of them."""
    suspects: dict[str, int] = field(default_factory=dict)
    unique: dict[str, str] = field(default_factory=dict)
    beats: dict[str, int] = field(default_factory=dict)
    """Worker -> when it last beat."""
    totals: Counter[str] = field(default_factory=Counter)

    def ids(self, place: str) -> set[str]:
        """Return the jobs in one place."""
        return {job_id for job_id, where in self.places.items() if where == place}

    def held_by(self, owner: str) -> set[str]:
        """Return the jobs that run on a worker, as far as Redis knows."""
        return {job_id for job_id, lease in self.leases.items() if lease.owner == owner}

    def add(self, ids: Iterable[str], handler: str, *, wait: int | None = None) -> None:
        """Enqueue or schedule."""
        for job_id in ids:
            self.handlers[job_id] = handler
            self.places[job_id] = "ready" if wait is None else "scheduled"
            self.due[job_id] = self.now + (wait or 0)
            self.totals["enqueued" if wait is None else "scheduled"] += 1

    def add_unique(self, job_id: str, key: str, handler: str) -> str | None:
        """Enqueue unless a live job holds ``key``; returns that one."""
        holder = self.unique.get(key)
        if holder is None:
            self.add([job_id], handler)
            self.unique[key] = job_id
        return holder

    def lease(self, ids: Iterable[str], fence: int, owner: str) -> None:
        """Claim."""
        for job_id in ids:
            self.places[job_id] = "running"
            self.leases[job_id] = Lease(fence, owner, self.now + LEASE_S)

    def complete(self, ids: Sequence[str], fence: int) -> set[str]:
        """End jobs well; returns the lost ones, as all outcomes do."""
        mine = self._let_go(ids, fence)
        for job_id in mine & self.places.keys():
            self._end(job_id, "completed")
        others = self.leases.keys() | self.places.keys()
        return {job_id for job_id in ids if job_id not in mine and job_id in others}

    def retry(self, ids: Sequence[str], fence: int, wait: int) -> set[str]:
        """Let jobs wait for another run."""
        mine = self._let_go(ids, fence)
        for job_id in mine & self.places.keys():
            self.places[job_id] = "retrying"
            self.due[job_id] = self.now + wait
            self.totals["retried"] += 1
        for job_id in mine:
            self.suspects.pop(job_id, None)
        return set(ids) - mine

    def bury(self, ids: Sequence[str], fence: int) -> set[str]:
        """Give jobs up."""
        mine = self._let_go(ids, fence)
        for job_id in mine & self.places.keys():
            self._bury(job_id)
        return {
            job_id
            for job_id in set(ids) - mine
            if job_id in self.leases or self.places.get(job_id, "dead") != "dead"
        }

    def release(self, ids: Sequence[str], fence: int) -> set[str]:
        """Give jobs back unrun."""
        mine = self._let_go(ids, fence)
        for job_id in mine & self.places.keys():
            self._wait(job_id)
        return set(ids) - mine

    def extend(self, ids: Sequence[str], fence: int) -> set[str]:
        """Keep leases."""
        lost = set()
        for job_id in ids:
            lease = self.leases.get(job_id)
            if lease is not None and lease.fence == fence and job_id in self.places:
                lease.until = self.now + LEASE_S
            else:
                lost.add(job_id)
        return lost

    def promote(self) -> set[str]:
        """Make due jobs ready."""
        waiting = self.ids("scheduled") | self.ids("retrying")
        due = {job_id for job_id in waiting if self.due[job_id] <= self.now}
        for job_id in due:
            self.places[job_id] = "ready"
        return due

    def reclaim(self) -> dict[str, set[str]]:
        """Take back what has expired; returns what became of it."""
        outcome: dict[str, set[str]] = {"charged": set(), "released": set(), "buried": set()}
        for job_id, lease in [*self.leases.items()]:
            if lease.until > self.now + FAR_S:  # the clock was set back
                lease.until = self.now + LEASE_S
            if lease.until > self.now:
                continue
            del self.leases[job_id]
            if job_id not in self.places:
                self.suspects.pop(job_id, None)
            elif self.beats[lease.owner] > self.now - SILENCE_S:
                self._wait(job_id)
                outcome["released"].add(job_id)
            else:
                outcome[self._charge(job_id)].add(job_id)
        return outcome

    def cancel(self, ids: Iterable[str]) -> set[str]:
        """Forget jobs that are not dead."""
        cancelled = {job_id for job_id in ids if self.places.get(job_id, "dead") != "dead"}
        for job_id in cancelled:
            self._end(job_id, "cancelled")
        return cancelled

    def redrive(self, ids: Iterable[str]) -> set[str]:
        """Make dead jobs ready."""
        redriven = {job_id for job_id in ids if self.places.get(job_id) == "dead"}
        for job_id in redriven:
            self.places[job_id] = "ready"
            self.totals["redriven"] += 1
        return redriven

    def purge_dead(self) -> int:
        """Delete dead jobs."""
        dead = self.ids("dead")
        for job_id in dead:
            self._end(job_id, "purged")
        return len(dead)

    def _let_go(self, ids: Sequence[str], fence: int) -> set[str]:
        mine = {
            job_id
            for job_id in ids
            if (lease := self.leases.get(job_id)) is not None and lease.fence == fence
        }
        for job_id in mine:
            del self.leases[job_id]
        return mine

    def _wait(self, job_id: str) -> None:
        self.places[job_id] = "alone" if job_id in self.suspects else "ready"

    def _charge(self, job_id: str) -> str:
        crashes = self.suspects[job_id] + 1 if job_id in self.suspects else 0
        if crashes >= MAX_CRASHES:
            self._bury(job_id)
            return "buried"
        self.suspects[job_id] = crashes
        self.places[job_id] = "alone"
        return "charged"

    def _bury(self, job_id: str) -> None:
        self.places[job_id] = "dead"
        self.suspects.pop(job_id, None)
        self._free(job_id)
        self.totals["buried"] += 1

    def _end(self, job_id: str, counter: str) -> None:
        del self.places[job_id]
        self.suspects.pop(job_id, None)
        self._free(job_id)
        self.totals[counter] += 1

    def _free(self, job_id: str) -> None:
        self.unique = {key: holder for key, holder in self.unique.items() if holder != job_id}
