"""One queue on a real server, whose commands a test sends one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flume.codec import Body, encode
from flume.commands import client, pausing, worker
from flume.commands.client import Configured, Counts, Disowned, Found, Lane, Sent, Unique
from flume.commands.command import Argument, Command, text
from flume.commands.worker import Beat, Claimed, Reclaimed, Suspicion
from flume.connection import SyncConnections
from flume.keys import Keys
from flume.settings_record import Owner
from tests.support.ids import new_ids

T = TypeVar("T")
Content = dict[str, bytes] | list[bytes] | set[bytes] | dict[str, float] | bytes

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
LEASE_MS = 30 * SECOND
SILENCE_MS = 10 * SECOND
FENCES = 2**19
"""What a score in ``running`` counts its deadline in: the rest of it is the fence."""

OWNER = Owner("tests", "uid-of-tests", 1_700_000_000_000)


def body(handler: str = "send", *arguments: Any, attempts: int = 0) -> bytes:
    """Return the body of a job."""
    return encode(Body(handler, list(arguments), attempts=attempts))


def interleaved(ids: Iterable[str | bytes], *values: Argument) -> list[Argument]:
    """Return each id followed by ``values``, as commands take them."""
    return [item for job_id in ids for item in (text(job_id), *values)]


@dataclass(slots=True)
class Taken:
    """What one claim brought."""

    fence: int
    claimed: Claimed

    @property
    def ids(self) -> list[str]:
        """Ids of the jobs, as ``enqueue`` returned them."""
        return [text(job_id) for job_id in self.claimed.ids]

    @property
    def suspicion(self) -> Suspicion:
        """What the claim says about suspects."""
        return self.claimed.suspicion

    def group(self) -> list[Argument]:
        """Return the jobs as ``complete`` takes them."""
        return [self.fence, len(self.ids), *self.ids] if self.ids else []

    def pairs(self) -> list[Argument]:
        """Return the jobs as ``extend`` and ``release`` take them."""
        return interleaved(self.ids, self.fence)


@dataclass
class Rig:
    """The commands of one queue, with the arguments that most tests do not care about."""

    connections: SyncConnections
    keys: Keys
    handlers: tuple[str, ...] = ("send",)
    """All names of the queue, as a worker knows them."""
    lanes: int = 0

    def run(self, command: Command[T]) -> T:
        """Send one command."""
        return self.connections.run(command)

    def call(self, *arguments: Argument) -> Any:
        """Send one plain Redis command."""
        return self.connections.call(*arguments)

    def move_clock(self, ms: int) -> int:
        """Move the clock of all scripts, in whole seconds; returns how far it is from the real."""
        self.connections.shift_ms += ms
        return self.connections.shift_ms

    def now_ms(self) -> int:
        """Return the time as scripts see it."""
        seconds, micros = self.call("TIME")
        return int(seconds) * 1000 + int(micros) // 1000 + self.connections.shift_ms

    def lane(self) -> Lane:
        """Return the first call of a lane that nobody has used."""
        self.lanes += 1
        return Lane(f"lane{self.lanes}", 1)

    def enqueue(self, count: int = 1, handler: str = "send", *, size: int = 0) -> list[str]:
        """Make new jobs ready and return their ids; ``size`` pads their bodies."""
        ids = list(new_ids(count))
        self.run(self.enqueueing(ids, handler, size=size))
        return ids

    def enqueueing(
        self,
        ids: Iterable[str],
        handler: str = "send",
        *,
        lane: Lane | None = None,
        size: int = 0,
    ) -> Command[Sent]:
        """Return the command that makes jobs ready."""
        padded = body(handler, "x" * size) if size else body(handler)
        entries = interleaved(ids, padded)
        return client.enqueue(self.keys, lane or self.lane(), handler, entries)

    def enqueueing_unique(
        self, job_id: str, key: str = "ada", *, hold_ms: int = 0, lane: Lane | None = None
    ) -> Command[Sent]:
        """Return the command that makes a job ready unless another one holds its key."""
        unique = Unique(key, hold_ms)
        job: list[Argument] = [job_id, body()]
        return client.enqueue_unique(self.keys, lane or self.lane(), "send", job, unique)

    def schedule(self, count: int = 1, handler: str = "send", *, wait_ms: int = 0) -> list[str]:
        """Keep new jobs until they are due and return their ids."""
        ids = list(new_ids(count))
        entries = interleaved(ids, body(handler))
        self.run(client.schedule(self.keys, self.lane(), handler, entries, wait_ms=wait_ms))
        return ids

    def outlive(self, *survivors: Worker) -> None:
        """Let all leases run out; only ``survivors`` have beaten since."""
        self.move_clock(LEASE_MS + MINUTE)
        for survivor in survivors:
            survivor.beat(settle_ms=0)

    def cancel(self, ids: Sequence[str]) -> list[str]:
        """Cancel jobs; returns those that were waiting or running."""
        return self.run(client.cancel(self.keys, ids))

    def purge(self, source: str, limit: int = 1000) -> int:
        """Delete jobs of one list or sorted set."""
        return self.run(client.purge(self.keys, source, limit))

    def pause(self, source: str = "client", *, lasts_ms: int = 0, reason: str = "why") -> str:
        """Pause the queue; return the id of the change."""
        command = pausing.pause(self.keys, source, lasts_ms=lasts_ms, by="ada", reason=reason)
        return self.run(command)

    def resume(self, source: str = "client") -> str:
        """Take one source's pause away; return the id of the change."""
        return self.run(pausing.resume(self.keys, source))

    def worker(self, name: str = "ada") -> Worker:
        """Register a worker, which beats once."""
        number = self.run(worker.register(self.keys, name, b"{}"))
        registered = Worker(self, name, number)
        registered.beat()
        return registered

    def promote(self, limit: int = 1000) -> int:
        """Make due jobs ready."""
        return self.run(worker.promote(self.keys, self.handlers, limit))

    def reclaim(self, *, max_crashes: int = 2, limit: int = 200) -> Reclaimed:
        """Take back jobs whose lease has ended."""
        return self.run(
            worker.reclaim(
                self.keys,
                self.handlers,
                lease_ms=LEASE_MS,
                silence_ms=SILENCE_MS,
                max_crashes=max_crashes,
                limit=limit,
            )
        )

    def configure(
        self,
        settings: bytes = b"{}",
        owner: Owner = OWNER,
        *,
        paused: str | None = None,
        over: str = "",
        place: str = "",
    ) -> Configured:
        """Write the queue's settings."""
        return self.run(
            client.configure(self.keys, owner, settings, paused=paused, over=over, place=place)
        )

    def disown(self, uid: str = OWNER.uid, *, is_gone: bool = True, place: str = "") -> Disowned:
        """Take an owner's settings away."""
        return self.run(client.disown(self.keys, uid, is_gone=is_gone, place=place))

    def counts(self) -> Counts:
        """Count the jobs by state."""
        return self.run(client.counts(self.keys, self.handlers))

    def find(self, job_id: str) -> Found | None:
        """Look one job up."""
        return self.run(client.find(self.keys, job_id))

    def state(self, job_id: str) -> str | None:
        """Return where a job is."""
        found = self.find(job_id)
        return found.state if found else None

    def total(self, counter: str) -> int:
        """Return one counter."""
        return self.counts().totals.get(counter, 0)

    def ready(self, handler: str = "send") -> list[str]:
        """Return the ids in a ready list, oldest first."""
        return self._ids(self.keys.ready(handler))

    def alone(self) -> list[str]:
        """Return the ids of the suspects that wait to run alone."""
        return self._ids(self.keys.alone)

    def _ids(self, key: str) -> list[str]:
        entries = self.call("LRANGE", key, 0, -1)
        return [text(entry).split(":", 1)[1].split(" ")[0] for entry in entries]

    def fields(self, key: str) -> dict[str, bytes]:
        """Return a hash."""
        return {text(name): value for name, value in _hash(self.call("HGETALL", key)).items()}

    def scores(self, key: str) -> dict[str, float]:
        """Return a sorted set, lowest first."""
        found = _hash(self.call("ZRANGE", key, 0, -1, "WITHSCORES"))
        return {text(member): float(score) for member, score in found.items()}

    def suspects(self) -> dict[str, int]:
        """Return the suspects and their crashes while alone."""
        return {job_id: int(crashes) for job_id, crashes in self.fields(self.keys.suspects).items()}

    def score(self, job_id: str) -> int:
        """Return a running job's lease deadline and fence."""
        return int(float(self.call("ZSCORE", self.keys.running, job_id)))

    def dump(self, *, without: Sequence[str] = ()) -> dict[str, Content]:
        """Return everything the server holds, so that two moments can be compared."""
        names = sorted(text(key) for key in self.call("KEYS", "*"))
        return {key: self.content(key) for key in names if key not in without}

    def content(self, key: str) -> Content:
        """Return what one key holds."""
        kind = text(self.call("TYPE", key))
        if kind == "hash":
            return self.fields(key)
        if kind == "list":
            return list(self.call("LRANGE", key, 0, -1))
        if kind == "set":
            return set(self.call("SMEMBERS", key))
        if kind == "zset":
            return self.scores(key)
        if kind == "stream":
            return [b" ".join((name, *found)) for name, found in self.call("XRANGE", key, "-", "+")]
        return bytes(self.call("GET", key) or b"")


@dataclass
class Worker:
    """A registered worker, as far as Redis sees it."""

    rig: Rig
    name: str
    number: int
    sequence: int = 0
    handlers: tuple[str, ...] = field(default=())

    def beat(self, *, away: bool = False, settle_ms: int = 5 * SECOND) -> Beat:
        """Say that it lives."""
        return self.rig.run(
            worker.beat(
                self.rig.keys,
                self.number,
                self.name,
                b"{}",
                lease_ms=LEASE_MS,
                away=away,
                settle_ms=settle_ms,
            )
        )

    def claiming(
        self,
        limit: int = 100,
        *,
        handlers: Sequence[str] = (),
        holds: int = 0,
        again: bool = False,
        lease_ms: int = LEASE_MS,
    ) -> Command[Claimed]:
        """Return the command of the next claim; with ``again`` that of the last one."""
        self.sequence += 0 if again else 1
        return worker.claim(
            self.rig.keys,
            handlers or self.rig.handlers,
            fence=self.fence,
            limit=limit,
            lease_ms=lease_ms,
            holds=holds,
            again=again,
            worker_id=self.name,
        )

    @property
    def fence(self) -> int:
        """Fence of its last claim."""
        return self.number * worker.SEQUENCES + self.sequence % worker.SEQUENCES

    def claim(
        self,
        limit: int = 100,
        *,
        handlers: Sequence[str] = (),
        holds: int = 0,
        again: bool = False,
    ) -> Taken:
        """Claim jobs."""
        command = self.claiming(limit, handlers=handlers, holds=holds, again=again)
        return Taken(self.fence, self.rig.run(command))

    def claiming_batch(
        self,
        size: int = 10,
        *,
        limit: int = 1,
        timeout_ms: int = SECOND,
        holds: int = 0,
        again: bool = False,
    ) -> Command[Claimed]:
        """Return the command of the next claim of batches; with ``again`` that of the last one."""
        self.sequence += 0 if again else 1
        return worker.claim_batch(
            self.rig.keys,
            self.rig.handlers,
            fence=self.fence,
            limit=limit,
            lease_ms=LEASE_MS,
            holds=holds,
            again=again,
            size=size,
            timeout_ms=timeout_ms,
        )

    def claim_batch(self, size: int = 10, **options: Any) -> Taken:
        """Claim batches; the options are those of ``claiming_batch``."""
        command = self.claiming_batch(size, **options)
        return Taken(self.fence, self.rig.run(command))

    def complete(self, taken: Taken, *, counter: str = "completed") -> list[bytes]:
        """Complete all jobs of a claim; returns the ids whose lease is lost."""
        return self.rig.run(worker.complete(self.rig.keys, taken.group(), counter=counter))

    def retry(
        self, taken: Taken, *, wait_ms: int = MINUTE, lane: Lane | None = None
    ) -> list[bytes]:
        """Let all jobs of a claim wait for another run."""
        return self.rig.run(self.retrying(taken, wait_ms=wait_ms, lane=lane))

    def retrying(
        self, taken: Taken, *, wait_ms: int = MINUTE, lane: Lane | None = None
    ) -> Command[list[bytes]]:
        """Return the command that lets all jobs of a claim wait for another run."""
        jobs = interleaved(taken.ids, taken.fence, wait_ms, "send", body(attempts=1))
        return worker.retry(self.rig.keys, lane or self.rig.lane(), jobs)

    def bury(self, taken: Taken, *, body: Argument = "") -> list[bytes]:
        """Give all jobs of a claim up."""
        return self.rig.run(worker.bury(self.rig.keys, interleaved(taken.ids, taken.fence, body)))

    def release(self, taken: Taken, handler: str = "send") -> list[bytes]:
        """Give all jobs of a claim back unrun."""
        return self.rig.run(worker.release(self.rig.keys, handler, taken.pairs()))

    def extend(self, taken: Taken, *, lease_ms: int = LEASE_MS) -> list[bytes]:
        """Keep the leases of a claim."""
        return self.rig.run(worker.extend(self.rig.keys, taken.pairs(), lease_ms=lease_ms))


def _hash(reply: Any) -> dict[bytes, bytes]:
    """Return a flat reply of fields and values as a dict."""
    if isinstance(reply, dict):
        return reply
    return dict(zip(reply[::2], reply[1::2], strict=True))
