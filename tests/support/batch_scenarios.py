"""The scenarios of ``claim_batch``; ``scenarios`` has the others."""

from __future__ import annotations

from typing import Any

from flume.commands import client
from flume.commands.command import Command
from tests.support.rig import SECOND, Rig
from tests.support.staged import busy, scenario, suspect


@scenario
def claim_batch(rig: Rig) -> Command[Any]:
    """A batch is full, behind a cancelled job; another one is open."""
    ada = busy(rig)
    rig.cancel(rig.ready()[:1])
    rig.enqueue(1, "fax")
    return ada.claiming_batch(2)


@scenario
def claim_batch__open(rig: Rig) -> Command[Any]:
    """No batch is full, and nobody is woken for it."""
    ada = busy(rig)
    rig.call("DEL", rig.keys.wake("send"))
    return ada.claiming_batch(100, limit=0)


@scenario
def claim_batch__suspect(rig: Rig) -> Command[Any]:
    """A suspect waits and the worker is empty."""
    ada = busy(rig)
    suspect(rig, ada)
    return ada.claiming_batch(2)


@scenario
def claim_batch__cancelled_suspect(rig: Rig) -> Command[Any]:
    """The suspect that waits was cancelled."""
    ada = busy(rig)
    rig.run(client.cancel(rig.keys, [suspect(rig, ada)]))
    return ada.claiming_batch(2)


@scenario
def claim_batch__turn(rig: Rig) -> Command[Any]:
    """A suspect waits and the worker is busy."""
    ada = busy(rig)
    suspect(rig, ada)
    return ada.claiming_batch(2, holds=1)


@scenario
def claim_batch__again(rig: Rig) -> Command[Any]:
    """The reply of the last claim was lost."""
    ada = busy(rig)
    ada.claim_batch(2)
    rig.move_clock(SECOND)
    return ada.claiming_batch(2, again=True)
