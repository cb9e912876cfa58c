"""One call of each script, with every argument under the name that the script's header gives it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flume.commands import client, limit, pausing, worker
from flume.commands.client import Lane, Unique
from flume.commands.command import Argument, Command
from flume.commands.limit import Definition, Grant, InForce
from flume.commands.worker import CLAIM_ROOM, LANE_AGE_MS, WORKER_AGE_MS
from flume.keys import Keys, LimitKeys
from flume.settings_record import Owner

KEYS = Keys("orders", "team:ready:a")
HANDLERS = ("fax", "send")
LANE = Lane("lane", 11)
SHARED = LimitKeys("shared", "team:ready:a")
OWN = Definition(51, 52000, 53)
GRANT = Grant(3, 54, 55, 0, InForce(51, 52000, False), 0)

Named = dict[str, Argument]


@dataclass(frozen=True)
class Sample:
    """A command and what its arguments are."""

    command: Command[Any]
    fixed: Named = field(default_factory=dict)
    groups: tuple[Named, ...] = ()
    """What repeats: one dict for each time."""

    def arguments(self) -> list[Argument]:
        """Return all arguments in their order."""
        return [value for named in (self.fixed, *self.groups) for value in named.values()]


def _jobs(*names: str) -> tuple[Named, ...]:
    """Return two groups whose values tell their place: ``id1``, ``fence1``, …"""
    return tuple({name: f"{name}{number}" for name in names} for number in (1, 2))


def _flat(groups: tuple[Named, ...]) -> list[Argument]:
    return [value for group in groups for value in group.values()]


_BODIES = _jobs("id", "body")
_FENCES = _jobs("id", "fence")
_RETRIES = _jobs("id", "fence", "wait", "handler", "body")
_BURIALS = _jobs("id", "fence", "body")
_ONE = _BODIES[:1]
_SENT: Named = {"lane": "lane", "number": 11, "handler": "send"}
_UNIQUE: Named = {"unique": "key", "hold": 12}

SAMPLES = (
    Sample(client.enqueue(KEYS, LANE, "send", _flat(_BODIES)), _SENT, _BODIES),
    Sample(
        client.enqueue_unique(KEYS, LANE, "send", _flat(_ONE), Unique("key", 12)),
        {**_SENT, **_UNIQUE, **_ONE[0]},
    ),
    Sample(
        client.schedule(KEYS, LANE, "send", _flat(_ONE), Unique("key", 12), due_ms=13, wait_ms=14),
        {**_SENT, **_UNIQUE, "due": 13, "wait": 14},
        _ONE,
    ),
    Sample(
        client.schedule(KEYS, LANE, "send", _flat(_BODIES), wait_ms=14),
        {**_SENT, "unique": "", "hold": 0, "due": "", "wait": 14},
        _BODIES,
    ),
    Sample(client.cancel(KEYS, ["id1", "id2"]), {}, _jobs("id")),
    Sample(client.purge(KEYS, KEYS.dead, 15), {"limit": 15}),
    Sample(client.purge(KEYS, KEYS.ready("send"), 15), {"limit": 15}),
    Sample(client.purge(KEYS, KEYS.alone, 15), {"limit": 15}),
    Sample(client.forget(KEYS, ["id1", "id2"]), {}, _jobs("id")),
    Sample(client.redrive(KEYS, "send", _flat(_BODIES)), {"handler": "send"}, _BODIES),
    Sample(client.find(KEYS, "id1"), {"id": "id1"}),
    Sample(
        client.peek(KEYS, KEYS.running, "running", offset=16, limit=17, newest=True),
        {"offset": 16, "limit": 17, "newest": 1},
    ),
    Sample(
        client.peek(KEYS, KEYS.ready("send"), "ready"), {"offset": 0, "limit": 100, "newest": 0}
    ),
    Sample(client.counts(KEYS, HANDLERS)),
    Sample(
        client.configure(
            KEYS,
            Owner("tests", "uid", 51, 52, "home"),
            b"{}",
            paused="ada why",
            over="gone",
            place="redis://here",
        ),
        {
            "owner": "tests",
            "uid": "uid",
            "created": 51,
            "spec": 52,
            "home": "home",
            "over": "gone",
            "paused": "ada why",
            "settings": b"{}",
            "place": "redis://here",
        },
    ),
    Sample(
        client.disown(KEYS, "uid", is_gone=True, place="redis://here"),
        {"uid": "uid", "gone": 1, "place": "redis://here"},
    ),
    Sample(
        worker.claim(
            KEYS, HANDLERS, fence=21, limit=22, lease_ms=23, holds=24, again=True, worker_id="ada"
        ),
        {
            "fence": 21,
            "limit": 22,
            "lease": 23,
            "room": CLAIM_ROOM,
            "holds": 24,
            "again": 1,
            "worker": "ada",
        },
    ),
    Sample(
        worker.claim_batch(
            KEYS, HANDLERS, fence=21, limit=22, lease_ms=23, holds=24, size=27, timeout_ms=28
        ),
        {
            "fence": 21,
            "limit": 22,
            "lease": 23,
            "room": CLAIM_ROOM,
            "holds": 24,
            "again": 0,
            "worker": "",
            "size": 27,
            "timeout": 28,
        },
    ),
    Sample(
        worker.complete(KEYS, [31, 2, "a", "b", 32, 1, "c"], counter="discarded"),
        {"counter": "discarded"},
        (
            {"fence": 31, "n": 2, "n ids": "a", "": "b"},
            {"fence": 32, "n": 1, "n ids": "c"},
        ),
    ),
    Sample(worker.retry(KEYS, LANE, _flat(_RETRIES)), {"lane": "lane", "number": 11}, _RETRIES),
    Sample(worker.bury(KEYS, _flat(_BURIALS)), {}, _BURIALS),
    Sample(worker.release(KEYS, "send", _flat(_FENCES)), {"handler": "send"}, _FENCES),
    Sample(worker.extend(KEYS, _flat(_FENCES), lease_ms=23), {"lease": 23}, _FENCES),
    Sample(
        worker.beat(KEYS, 7, "ada", b"{}", lease_ms=23, away=True, settle_ms=25),
        {"number": 7, "id": "ada", "record": b"{}", "lease": 23, "away": 1, "settle": 25},
    ),
    Sample(worker.promote(KEYS, HANDLERS, 15), {"limit": 15}),
    Sample(
        worker.reclaim(KEYS, HANDLERS, lease_ms=23, silence_ms=26, max_crashes=2, limit=15),
        {"limit": 15, "lease": 23, "silence": 26, "crashes": 2},
    ),
    Sample(
        worker.prune(KEYS, dead_max_jobs=41, dead_max_age_ms=42),
        {"most": 41, "age": 42, "lane_age": LANE_AGE_MS, "away": WORKER_AGE_MS, "limit": 1000},
    ),
    Sample(worker.register(KEYS, "ada", b"{}"), {"id": "ada", "record": b"{}"}),
    Sample(
        limit.reserve(SHARED, "orders", LANE, 56, OWN, step=57, slack_ms=58, ahead_ms=59),
        {
            "queue": "orders",
            "lane": "lane",
            "number": 11,
            "want": 56,
            "step": 57,
            "count": 51,
            "period": 52000,
            "generation": 53,
            "slack": 58,
            "ahead": 59,
        },
    ),
    Sample(
        limit.refund(SHARED, "orders", LANE, GRANT, 2),
        {"queue": "orders", "lane": "lane", "number": 11, "epoch": 54, "slot": 55, "n": 2},
    ),
    Sample(
        limit.define(SHARED, "orders", OWN),
        {"queue": "orders", "count": 51, "period": 52000, "generation": 53},
    ),
    Sample(
        pausing.pause(KEYS, "client", lasts_ms=51, by="ada", reason="vendor down"),
        {"source": "client", "lasts": 51, "by": "ada", "reason": "vendor down"},
    ),
    Sample(pausing.resume(KEYS, "client"), {"source": "client"}),
    Sample(pausing.adopt(KEYS, "all", "0 1 ada why"), {"source": "all", "value": "0 1 ada why"}),
    Sample(worker.deregister(KEYS, 7, "ada", HANDLERS), {"number": 7, "id": "ada"}),
)
