"""Which turns of a Pipeline are told as Kubernetes Events, and which are none."""

from __future__ import annotations

from typing import Any

import pytest

from flume_operator.telling import Told, told


def status(**conditions: tuple[str, str]) -> dict[str, Any]:
    """Return a status with these conditions: status and reason by type."""
    return {
        "conditions": [
            {"type": name, "status": is_so, "reason": reason, "message": f"about {reason}"}
            for name, (is_so, reason) in conditions.items()
        ]
    }


def test_a_new_pipeline_tells_of_its_workers_alone() -> None:
    """That a spec is valid and settings are in force is what one expects."""
    after = status(
        Ready=("True", "Available"),
        SpecValid=("True", "Valid"),
        SettingsSynced=("True", "Synced"),
        WorkersAvailable=("True", "Available"),
        Paused=("False", "NotPaused"),
        Drained=("False", "Claiming"),
    )

    assert list(told({}, after)) == [Told(False, "Available", "Deploy", "about Available")]


@pytest.mark.parametrize(
    ("name", "before", "after", "is_warning"),
    [
        ("SpecValid", ("True", "Valid"), ("False", "RefusedByApiServer"), True),
        ("SpecValid", ("False", "Invalid"), ("True", "Valid"), False),
        ("SettingsSynced", ("True", "Synced"), ("False", "RedisUnavailable"), True),
        ("SettingsSynced", ("True", "Synced"), ("True", "RateLimitMismatch"), True),
        ("SettingsSynced", ("False", "QueueConflict"), ("True", "Synced"), False),
        ("WorkersAvailable", ("False", "Starting"), ("False", "PodsRefused"), True),
        ("WorkersAvailable", ("True", "Updating"), ("True", "NotProgressing"), True),
        ("WorkersAvailable", ("True", "Available"), ("True", "PodsRefused"), True),
        ("WorkersAvailable", ("True", "Available"), ("False", "ScaledToZero"), False),
        ("Paused", ("False", "NotPaused"), ("True", "PausedBySpec"), False),
        ("Paused", ("True", "PausedBySpec"), ("False", "NotPaused"), False),
    ],
)
def test_a_turn_is_told_once(
    name: str, before: tuple[str, str], after: tuple[str, str], is_warning: bool
) -> None:
    """Who asks what happened last night looks here."""
    earlier, later = status(**{name: before}), status(**{name: after})

    assert [item.is_warning for item in told(earlier, later)] == [is_warning]
    assert list(told(later, later)) == []


def test_a_spec_that_is_refused_is_told_once() -> None:
    """That its settings are not in force either goes without saying."""
    refused = ("False", "RefusedByApiServer")
    after = status(SpecValid=refused, SettingsSynced=refused)

    [event] = told({}, after)
    assert event.action == "Validate"


def test_what_is_only_on_the_way_is_not_told() -> None:
    """Each rollout would leave an Event for each pod."""
    before = status(WorkersAvailable=("True", "Available"), Paused=("True", "PausedBySpec"))
    after = status(WorkersAvailable=("False", "Starting"), Paused=("Unknown", "Unknown"))

    assert list(told(before, after)) == []
