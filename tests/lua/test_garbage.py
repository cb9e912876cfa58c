"""Contents that we did not write cost at most themselves.

A script that fails on what it finds fails again at the next tick, and for as long as it is there:
one wrong value would stop a queue.
"""

from __future__ import annotations

import pytest

from flume.commands.script import script
from tests.support.garbage import VALUES, spoil
from tests.support.rig import Rig
from tests.support.scenarios import SCENARIOS, script_of


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_content_of_any_key_makes_a_script_fail(rig: Rig, name: str) -> None:
    """Each key in turn holds each value; the call is sent twice, as the next tick would."""
    kinds = script(script_of(name)).key_types(len(SCENARIOS[name](rig).keys))
    for place, (kind, *_) in enumerate(kinds):
        for value in VALUES:
            rig.call("FLUSHALL")
            rig.connections.shift_ms = 0
            command = SCENARIOS[name](rig)
            spoil(rig, command.keys[place], kind, value)

            rig.run(command)
            rig.run(command)
