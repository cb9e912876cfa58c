"""For each script: a queue in which every key of the call matters, and that call.

They are run with each key spoiled in turn, with the memory full, and watched for the keys that a
script touches.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flume.commands import client, limit, pausing, worker
from flume.commands.client import Unique
from flume.commands.command import Argument, Command
from flume.commands.limit import Definition
from flume.job import new_id
from flume.keys import LimitKeys
from tests.support import batch_scenarios
from tests.support.rig import (
    HOUR,
    LEASE_MS,
    MINUTE,
    OWNER,
    SECOND,
    SILENCE_MS,
    Rig,
    body,
    interleaved,
)
from tests.support.staged import HANDLERS, SCENARIOS, scenario, script_of
from tests.support.staged import busy as _busy
from tests.support.staged import suspect as _suspect

__all__ = ["SCENARIOS", "batch_scenarios", "scenario", "script_of"]


@scenario
def beat(rig: Rig) -> Command[Any]:
    """Everything is due."""
    ada = _busy(rig)
    rig.schedule(wait_ms=1000)
    rig.configure()
    rig.move_clock(HOUR)
    return worker.beat(
        rig.keys, ada.number, "ada", b"{}", lease_ms=LEASE_MS, away=True, settle_ms=1000
    )


@scenario
def bury(rig: Rig) -> Command[Any]:
    """One of the jobs holds a unique key, one is a suspect."""
    ada = _busy(rig)
    taken = ada.claim()
    rig.call("HSET", rig.keys.suspects, taken.ids[0], 1)
    return worker.bury(rig.keys, interleaved(taken.ids, taken.fence, body()))


@scenario
def cancel(rig: Rig) -> Command[Any]:
    """One of the jobs holds a unique key, one is running."""
    ada = _busy(rig)
    ids = rig.ready()
    ada.claim(1)
    return client.cancel(rig.keys, ids)


@scenario
def claim(rig: Rig) -> Command[Any]:
    """Two lists have jobs."""
    ada = _busy(rig)
    rig.enqueue(2, "fax")
    return ada.claiming()


@scenario
def claim__suspect(rig: Rig) -> Command[Any]:
    """A suspect waits and the worker is empty."""
    ada = _busy(rig)
    _suspect(rig, ada)
    return ada.claiming()


@scenario
def claim__cancelled_suspect(rig: Rig) -> Command[Any]:
    """The suspect that waits was cancelled."""
    ada = _busy(rig)
    rig.run(client.cancel(rig.keys, [_suspect(rig, ada)]))
    return ada.claiming()


@scenario
def claim__turn(rig: Rig) -> Command[Any]:
    """A suspect waits and the worker is busy."""
    ada = _busy(rig)
    _suspect(rig, ada)
    return ada.claiming(holds=1)


@scenario
def claim__paused(rig: Rig) -> Command[Any]:
    """Two lists have jobs, and the queue is paused."""
    claiming = claim(rig)
    rig.pause()
    return claiming


@scenario
def claim__again(rig: Rig) -> Command[Any]:
    """The reply of the last claim was lost."""
    ada = _busy(rig)
    ada.claim()
    rig.move_clock(SECOND)
    return ada.claiming(again=True)


@scenario
def adopt(rig: Rig) -> Command[Any]:
    """The queue is paused, and all queues have been paused anew."""
    rig.pause("all")
    return pausing.adopt(rig.keys, "all", "0 1 ada again")


@scenario
def pause(rig: Rig) -> Command[Any]:
    """One pause is over and one holds."""
    rig.pause(lasts_ms=1)
    rig.pause("spec")
    rig.move_clock(MINUTE)
    return pausing.pause(rig.keys, "client", by="ada", reason="vendor down")


@scenario
def resume(rig: Rig) -> Command[Any]:
    """Another pause is over, and something that nobody of ours wrote counts as one."""
    rig.pause("spec", lasts_ms=1)
    rig.pause()
    rig.call("HSET", rig.keys.pause, "stray", "x")
    rig.move_clock(MINUTE)
    return pausing.resume(rig.keys, "client")


@scenario
def complete(rig: Rig) -> Command[Any]:
    """One of the jobs holds a unique key, one is a suspect, one is lost."""
    ada = _busy(rig)
    taken = ada.claim()
    rig.call("HSET", rig.keys.suspects, taken.ids[0], 1)
    rig.call("ZREM", rig.keys.running, taken.ids[2])
    return worker.complete(rig.keys, taken.group())


@scenario
def configure(rig: Rig) -> Command[Any]:
    """The settings change, and the queue is paused, in place of an owner that is gone."""
    rig.configure(owner=replace(OWNER, uid="gone"))
    changed = b'{"concurrency":1}'
    return client.configure(rig.keys, OWNER, changed, paused="tests why", over="gone")


@scenario
def configure__pause(rig: Rig) -> Command[Any]:
    """Only the pause is taken away, before there are settings."""
    rig.pause("spec")
    return client.configure(rig.keys, OWNER, b"", paused="")


@scenario
def disown(rig: Rig) -> Command[Any]:
    """The owner has paused its queue."""
    rig.configure(paused="tests why")
    return client.disown(rig.keys, OWNER.uid, is_gone=True)


@scenario
def counts(rig: Rig) -> Command[Any]:
    """Every state has a job."""
    _suspect(rig, _busy(rig))
    rig.schedule(wait_ms=HOUR)
    return client.counts(rig.keys, HANDLERS)


@scenario
def deregister(rig: Rig) -> Command[Any]:
    """Jobs are ready and nobody is woken."""
    ada = _busy(rig)
    rig.enqueue(1, "fax")
    rig.call("DEL", rig.keys.wake("send"), rig.keys.wake("fax"))
    return worker.deregister(rig.keys, ada.number, "ada", HANDLERS)


@scenario
def enqueue(rig: Rig) -> Command[Any]:
    """One job, the first of its handler."""
    _busy(rig)
    return rig.enqueueing([new_id()], "fax")


@scenario
def enqueue__many(rig: Rig) -> Command[Any]:
    """Two jobs, the first of their handler."""
    _busy(rig)
    return rig.enqueueing([new_id(), new_id()], "fax")


@scenario
def enqueue_unique(rig: Rig) -> Command[Any]:
    """A dead job has left the unique key."""
    ada = _busy(rig)
    ada.bury(ada.claim())
    return rig.enqueueing_unique(new_id(), hold_ms=MINUTE)


@scenario
def extend(rig: Rig) -> Command[Any]:
    """A second has passed."""
    ada = _busy(rig)
    taken = ada.claim()
    rig.move_clock(1000)
    return worker.extend(rig.keys, taken.pairs(), lease_ms=LEASE_MS)


@scenario
def find(rig: Rig) -> Command[Any]:
    """The job is dead, so every other place is looked at first."""
    ada = _busy(rig)
    taken = ada.claim()
    ada.bury(taken)
    return client.find(rig.keys, taken.ids[0])


@scenario
def peek(rig: Rig) -> Command[Any]:
    """The list has jobs."""
    _busy(rig)
    return client.peek(rig.keys, rig.keys.ready("send"), "ready")


@scenario
def peek__zset(rig: Rig) -> Command[Any]:
    """The sorted set has jobs."""
    rig.schedule(2)
    return client.peek(rig.keys, rig.keys.scheduled, "scheduled")


@scenario
def promote(rig: Rig) -> Command[Any]:
    """Jobs of two handlers are due, and one that is not ours."""
    ada = _busy(rig)
    ada.retry(ada.claim(), wait_ms=1000)
    rig.schedule(2, "fax", wait_ms=1000)
    rig.call("HSET", rig.keys.jobs, "stray", "x")
    rig.call("ZADD", rig.keys.scheduled, 0, "stray")
    rig.move_clock(MINUTE)
    return worker.promote(rig.keys, HANDLERS)


@scenario
def prune(rig: Rig) -> Command[Any]:
    """Dead jobs, lanes and workers are too old."""
    ada = _busy(rig)
    ada.bury(ada.claim())
    rig.move_clock(2 * HOUR)
    return worker.prune(rig.keys, dead_max_jobs=1000, dead_max_age_ms=HOUR)


@scenario
def prune__idle(rig: Rig) -> Command[Any]:
    """Nothing is too old, and only the walk over the lanes goes on."""
    _busy(rig)
    return worker.prune(rig.keys, dead_max_jobs=1000, dead_max_age_ms=HOUR)


@scenario
def purge(rig: Rig) -> Command[Any]:
    """One of the jobs holds a unique key."""
    _busy(rig)
    return client.purge(rig.keys, rig.keys.ready("send"))


@scenario
def purge__zset(rig: Rig) -> Command[Any]:
    """Dead jobs."""
    ada = _busy(rig)
    ada.bury(ada.claim())
    return client.purge(rig.keys, rig.keys.dead)


@scenario
def reclaim(rig: Rig) -> Command[Any]:
    """Of a dead worker's jobs one is buried, one a new suspect, one gone; a live one has some."""
    ada, bob = _busy(rig), rig.worker("bob")
    taken = ada.claim()
    rig.call("HSET", rig.keys.suspects, taken.ids[0], 1)
    rig.call("HDEL", rig.keys.jobs, taken.ids[2])
    rig.enqueue(1, "fax")
    bob.claim()
    rig.move_clock(LEASE_MS + MINUTE)
    bob.beat(settle_ms=0)
    return worker.reclaim(
        rig.keys, HANDLERS, lease_ms=LEASE_MS, silence_ms=SILENCE_MS, max_crashes=2
    )


@scenario
def forget(rig: Rig) -> Command[Any]:
    """The job is dead."""
    ada = _busy(rig)
    taken = ada.claim()
    ada.bury(taken)
    return client.forget(rig.keys, taken.ids)


@scenario
def redrive(rig: Rig) -> Command[Any]:
    """Dead jobs."""
    ada = _busy(rig)
    taken = ada.claim()
    ada.bury(taken)
    return client.redrive(rig.keys, "send", interleaved(taken.ids, body()))


@scenario
def register(rig: Rig) -> Command[Any]:
    """Another worker is there."""
    rig.worker()
    return worker.register(rig.keys, "bob", b"{}")


@scenario
def release(rig: Rig) -> Command[Any]:
    """One of the jobs is a suspect."""
    ada = _busy(rig)
    taken = ada.claim()
    rig.call("HSET", rig.keys.suspects, taken.ids[0], 0)
    return worker.release(rig.keys, "send", taken.pairs())


@scenario
def define(rig: Rig) -> Command[Any]:
    """Two queues use the limit; one of them takes it back."""
    _limited(rig)
    return limit.define(_shared(rig), "orders", Definition(0, 0, 2))


@scenario
def refund(rig: Rig) -> Command[Any]:
    """The lane is a new one."""
    own = _limited(rig)
    grant = rig.run(limit.reserve(_shared(rig), "orders", rig.lane(), 5, own))
    return limit.refund(_shared(rig), "orders", rig.lane(), grant, 2)


@scenario
def reserve(rig: Rig) -> Command[Any]:
    """Some is free; another queue has a share, and one has not used the limit for long."""
    own = _limited(rig)
    return limit.reserve(_shared(rig), "orders", rig.lane(), 5, own)


@scenario
def reserve__nothing_free(rig: Rig) -> Command[Any]:
    """All is taken, and of another period."""
    own = _limited(rig)
    rig.run(limit.reserve(_shared(rig), "orders", rig.lane(), 1000, own))
    own = Definition(10, 2 * MINUTE, 2)
    return limit.reserve(_shared(rig), "orders", rig.lane(), 5, own)


@scenario
def retry(rig: Rig) -> Command[Any]:
    """One of the jobs is a suspect."""
    ada = _busy(rig)
    taken = ada.claim()
    rig.call("HSET", rig.keys.suspects, taken.ids[0], 0)
    return ada.retrying(taken)


@scenario
def schedule(rig: Rig) -> Command[Any]:
    """The job holds a unique key that a dead job has left."""
    ada = _busy(rig)
    ada.bury(ada.claim())
    entries: list[Argument] = [new_id(), body()]
    unique = Unique("ada", MINUTE)
    return client.schedule(rig.keys, rig.lane(), "send", entries, unique, wait_ms=MINUTE)


def _shared(rig: Rig) -> LimitKeys:
    return LimitKeys("shared", rig.keys.prefix)


def _limited(rig: Rig) -> Definition:
    """Let three queues use a limit, one of them long ago; return what two of them say of it."""
    own = Definition(100, MINUTE, 1)
    rig.run(limit.reserve(_shared(rig), "faxes", rig.lane(), 5, own))
    rig.move_clock(2 * HOUR)
    for queue in ("orders", "emails"):
        rig.run(limit.reserve(_shared(rig), queue, rig.lane(), 5, own))
    return own
