"""A key of the wrong type is refused before anything is written.

Lua has no rollback: a script that fails in its middle leaves half a transition behind, and a job
in no place at all.
"""

from __future__ import annotations

from typing import Any

import pytest

from flume.commands.command import Command
from flume.commands.script import script
from flume.errors import ForeignDataError
from tests.support.rig import Rig
from tests.support.scenarios import SCENARIOS, script_of

LOOKED_PAST = {
    "beat": {"settings"},
    "claim": {"suspects", "clock"},
    "claim-again": {"pause", "alone", "clock", "ready", "wake"},
    "claim-paused": {"jobs", "running", "suspects", "alone"},
    "claim-turn": {"suspects", "ready"},
    "claim_batch": {"suspects", "clock"},
    "claim_batch-again": {"pause", "alone", "clock", "ready", "wake"},
    "claim_batch-open": {"suspects"},
    "claim_batch-turn": {"suspects"},
}
"""Keys that a call leaves alone in this situation, so that it goes on beside foreign data."""


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_key_of_the_wrong_type_is_named_and_nothing_is_changed(rig: Rig, name: str) -> None:
    """Whoever shares our Redis by mistake gets told which key it is about, and no job is lost."""
    for place in range(len(SCENARIOS[name](rig).keys)):
        rig.call("FLUSHALL")
        rig.connections.shift_ms = 0
        command = SCENARIOS[name](rig)
        key = command.keys[place]
        rig.call("DEL", key)
        is_string = script(script_of(name)).key_types(place + 1)[place] == ("string",)
        kind, content = ("list", [b"foreign"]) if is_string else ("string", b"foreign")
        rig.call("RPUSH" if is_string else "SET", key, "foreign")
        before = rig.dump()
        refusal = _refusal(rig, command)

        assert rig.content(key) == content
        if key.split("}:")[1].split(":")[0] in LOOKED_PAST.get(name, ()):
            assert refusal == ""
        else:
            assert f"the key {key} at" in refusal, key
            assert f"is a {kind}, and Flume keeps a" in refusal
            assert rig.dump() == before, key


def _refusal(rig: Rig, command: Command[Any]) -> str:
    try:
        rig.run(command)
    except ForeignDataError as error:
        return str(error)
    return ""
