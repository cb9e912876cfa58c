"""``flume settings`` on a real server; ``test_local_edits`` has it beside ``flume dev``."""

from __future__ import annotations

import pytest

from flume.commands.client import configure
from flume.pipeline import PipelineSettings, RateLimit
from flume.settings_record import Owner, encode
from tests.support.command_line import flume, report
from tests.support.rig import Rig
from tests.support.servers import Server


def test_without_a_record_settings_shows_what_the_workers_say(rig: Rig, server: Server) -> None:
    """The defaults would be a lie where workers go by their manifests."""
    own = {"max_demand": 7, "paused": True, "rate_limit": None}
    report(rig.worker("one"), settings=own, settings_from="manifest", generation=0)
    report(
        rig.worker("two"),
        settings={**own, "max_demand": 9},
        settings_from="default",
        flags={"max_demand": 9},
        generation=0,
    )
    report(rig.worker("old"), settings=["of another version"])

    shown = flume("settings", rig.keys.queue, url=server.url)
    (found,) = flume("settings", rig.keys.queue, "--json", url=server.url).objects

    assert [" ".join(line.split()) for line in shown.lines[2:8]] == [
        *("max_demand 7 manifest of one", "9 flag of two"),
        *("paused true manifest of one", "true default of two"),
        *("rate_limit - manifest of one", "- default of two"),
    ]
    assert found["settings"] == {}
    assert {one["id"]: (one["from"], one["settings"]) for one in found["workers"]} == {
        "old": (None, ["of another version"]),
        "one": ("manifest", own),
        "two": ("default", {**own, "max_demand": 9}),
    }


def test_without_a_record_and_a_worker_settings_shows_none(rig: Rig, server: Server) -> None:
    """Nobody knows what a worker will be started with."""
    ended = flume("settings", rig.keys.queue, url=server.url)

    assert (ended.code, len(ended.lines)) == (0, 2)
    assert "no settings record" in ended.lines[0]
    assert "No worker says what it goes by." in ended.err


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
