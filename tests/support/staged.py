"""What scenarios are made of: the list they are in, and a queue with something in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flume.commands.command import Command
from flume.job import new_id
from tests.support.rig import Rig, Worker

Scenario = Callable[[Rig], Command[Any]]

HANDLERS = ("fax", "send")
SCENARIOS: dict[str, Scenario] = {}
"""By name: that of the script, and after a dash what is special."""


def scenario(prepare: Scenario) -> Scenario:
    """Add ``prepare`` to the list; its name is the script's, two underscores, what is special."""
    SCENARIOS[prepare.__name__.replace("__", "-").rstrip("_")] = prepare
    return prepare


def script_of(name: str) -> str:
    """Return the script of a scenario."""
    return name.partition("-")[0]


def busy(rig: Rig) -> Worker:
    """Make three jobs ready, the first of which holds a unique key, and register a worker."""
    rig.handlers = HANDLERS
    rig.run(rig.enqueueing_unique(new_id()))
    rig.enqueue(2)
    return rig.worker()


def suspect(rig: Rig, ada: Worker) -> str:
    """Let the first ready job wait to run alone; return its id."""
    taken = ada.claim(1)
    rig.call("HSET", rig.keys.suspects, taken.ids[0], 0)
    ada.release(taken)
    return taken.ids[0]
