"""``flume settings`` on a real server; ``test_local_edits`` has it beside ``flume dev``."""

from __future__ import annotations

import pytest

from flume.commands.client import configure
from flume.pipeline import PipelineSettings, RateLimit
from flume.settings_record import Owner, encode
from tests.support.command_line import flume, report
from tests.support.rig import Rig
from tests.support.servers import Server


@pytest.mark.parametrize("is_mismatch", [True, False])
def test_settings_shows_a_stricter_limit_of_another_pipeline(
    rig: Rig, server: Server, is_mismatch: bool
) -> None:
    """Who wonders why a queue is slow must find the limit that holds, not only its own."""
    own = PipelineSettings(rig.keys.queue, rate_limit=RateLimit(1000, 6, "vendor"))
    rig.run(configure(rig.keys, Owner("shop/mail", "uid", 1), encode(own)))
    limit = {"key": "vendor", "count": 500, "period_s": 1.5, "is_mismatch": is_mismatch}
    report(rig.worker("one"), limit_in_force=limit)
    report(rig.worker("two"), limit_in_force="of another version")

    shown = flume("settings", rig.keys.queue, url=server.url)
    (found,) = flume("settings", rig.keys.queue, "--json", url=server.url).objects

    row = [line.split() for line in shown.lines if "another pipeline" in line]
    assert [" ".join(words) for words in row] == (
        ["500 in 1.5 s, key vendor in force: another pipeline's"] if is_mismatch else []
    )
    assert ["dead_max_age_s", "2,592,000", "record"] in [line.split() for line in shown.lines]
    assert {one["id"]: one["limit"] for one in found["workers"]} == {"one": limit, "two": None}
