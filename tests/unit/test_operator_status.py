"""What the operator reports of a Pipeline, from what it saw."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from flume import PauseInfo
from flume.manifest.status import PipelineStatus
from flume_operator.conditions import Finding, Reason, Type
from flume_operator.moving import Place
from flume_operator.objects import Key
from flume_operator.status import Seen, change, make
from flume_operator.synced import Looked, Synced

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 2, 3, 5, 5, tzinfo=UTC)

AVAILABLE = {
    "generation": 2,
    "replicas": 3,
    "status": {
        "observedGeneration": 2,
        "replicas": 3,
        "readyReplicas": 3,
        "updatedReplicas": 3,
        "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicas"}],
    },
}

SYNCED = Synced(
    Finding(Type.SETTINGS_SYNCED, True, Reason.SYNCED, "synced"),
    prefix="flume",
    generation=7,
    rate="1000/6s",
    looked=Looked(workers=3, acknowledged=3, running=5),
    place=Place(Key("shop", "flume-redis"), "url", "flume", "redis://:s3cret@redis:6379/0"),
)
WELL = Seen(
    name="email",
    generation=7,
    spec=Finding(Type.SPEC_VALID, True, Reason.VALID, "valid"),
    synced=SYNCED,
    deployment=AVAILABLE,
    desired=3,
    image="example/worker:1",
)
SPEC_PAUSE = PauseInfo("spec", "spec.paused is true", "default/email", NOW, None)


def well_but(**synced: Any) -> Seen:
    """Return a Pipeline that works but for what Redis says."""
    return replace(WELL, synced=replace(SYNCED, **synced))


def condition(status: dict[str, Any], name: str) -> dict[str, Any]:
    """Return one condition."""
    [found] = [item for item in status["conditions"] if item["type"] == name]
    return dict(found)


def test_a_pipeline_that_works_is_ready_and_says_how_many() -> None:
    """It is what kubectl get, kubectl wait and autoscalers read."""
    status = make(WELL, {}, NOW)

    assert {item["type"]: (item["status"], item["reason"]) for item in status["conditions"]} == {
        "Ready": ("True", "Available"),
        "SpecValid": ("True", "Valid"),
        "SettingsSynced": ("True", "Synced"),
        "WorkersAvailable": ("True", "Available"),
        "Paused": ("False", "NotPaused"),
        "Drained": ("False", "Claiming"),
    }
    assert status["observedGeneration"] == 7
    assert (status["replicas"], status["readyReplicas"], status["desiredReplicas"]) == (3, 3, 3)
    assert status["image"] == "example/worker:1"
    assert status["selector"] == "flume.dev/pipeline=email"
    assert status["settings"] == {
        "generation": 7,
        "secretName": "flume-redis",
        "secretKey": "url",
        "keyPrefix": "flume",
        "workers": 3,
        "acknowledgedWorkers": 3,
    }
    assert (status["paused"], status["pausedBy"]) == (False, [])


@pytest.mark.parametrize(
    "seen",
    [
        WELL,
        replace(well_but(looked=None, rate=None), deployment=None),
        well_but(looked=Looked(pauses=[SPEC_PAUSE], running=1)),
        replace(WELL, is_deleting=True, refused=(Reason.FORBIDDEN, "quota")),
    ],
)
def test_whatever_was_seen_the_schema_takes_it(seen: Seen) -> None:
    """A status that is refused is never seen, and tried again for ever."""
    PipelineStatus.model_validate(make(seen, {}, NOW))


def test_what_was_seen_twice_is_no_change() -> None:
    """At rest the operator writes nothing; the time of a transition stays."""
    first = make(WELL, {}, NOW)

    assert change(first, make(WELL, first, LATER)) is None


def test_the_time_of_a_transition_is_that_of_the_status() -> None:
    """A new reason for the same answer is none."""
    before = make(WELL, {}, NOW)
    starting = replace(WELL, deployment={**AVAILABLE, "generation": 3})
    after = make(starting, before, LATER)

    assert condition(after, "Ready")["lastTransitionTime"] == "2026-01-02T03:05:05Z"
    assert condition(after, "SpecValid")["lastTransitionTime"] == "2026-01-02T03:04:05Z"


def test_without_redis_the_pause_that_was_seen_is_kept_and_called_unknown() -> None:
    """A Redis that is away is no resume."""
    paused = make(well_but(looked=Looked(pauses=[SPEC_PAUSE])), {}, NOW)
    lost = Finding(Type.SETTINGS_SYNCED, False, Reason.REDIS_UNAVAILABLE, "down")
    after = make(well_but(looked=None, finding=lost, generation=None, place=None), paused, LATER)

    in_force = ("generation", "secretName", "secretKey", "keyPrefix")
    assert after["settings"] == {name: paused["settings"][name] for name in in_force}
    assert after["paused"] is True
    assert [item["source"] for item in after["pausedBy"]] == ["spec"]
    assert condition(after, "Paused")["status"] == "Unknown"
    assert condition(after, "Ready") | {"lastTransitionTime": ""} == {
        "type": "Ready",
        "status": "False",
        "observedGeneration": 7,
        "lastTransitionTime": "",
        "reason": "RedisUnavailable",
        "message": "down",
    }


def test_a_paused_pipeline_is_ready_and_says_who_paused_it() -> None:
    """A pause is a wish and no fault; and one wants to know whom to ask."""
    until = datetime(2026, 1, 2, 4, tzinfo=UTC)
    by_client = PauseInfo("client", "vendor down", "ada@laptop", NOW, until)
    status = make(well_but(looked=Looked(pauses=[by_client], running=2)), {}, NOW)

    assert condition(status, "Ready")["status"] == "True"
    assert condition(status, "Paused")["reason"] == "PausedByClient"
    said = "Paused by ada@laptop until 2026-01-02T04:00:00Z: vendor down."
    assert condition(status, "Paused")["message"] == said
    assert condition(status, "Drained")["message"] == "2 jobs still run."


def test_a_pause_of_one_worker_does_not_pause_the_pipeline() -> None:
    """The others go on; but it is listed."""
    one = PauseInfo("worker:abc", "debugging", "ada", NOW, None)
    status = make(well_but(looked=Looked(pauses=[one])), {}, NOW)

    assert status["paused"] is False
    assert status["pausedBy"][0]["source"] == "worker:abc"


@pytest.mark.parametrize(("running", "drained"), [(1, "False"), (0, "True")])
def test_a_paused_pipeline_is_drained_once_nothing_runs(running: int, drained: str) -> None:
    """`kubectl wait --for=condition=Drained` before a migration of a database."""
    status = make(well_but(looked=Looked(pauses=[SPEC_PAUSE], running=running)), {}, NOW)

    assert condition(status, "Drained")["status"] == drained


def test_pods_that_the_api_server_refuses_are_said_in_its_words() -> None:
    """A quota or pod security is found out nowhere else by who may not see ReplicaSets."""
    refused = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": 'pods "email-1" is forbidden: exceeded quota',
    }
    pods = {"replicas": 3, "generation": 2, "status": {"conditions": [refused]}}
    status = make(replace(WELL, deployment=pods), {}, NOW)

    assert condition(status, "Ready")["reason"] == "PodsRefused"
    assert "exceeded quota" in condition(status, "Ready")["message"]


def test_workers_of_the_image_before_do_not_pass_for_those_of_a_wrong_one() -> None:
    """They go on while the new ones cannot start, so that all would look well."""
    well: dict[str, Any] = {**AVAILABLE}
    well["status"] = {**well["status"], "replicas": 4, "updatedReplicas": 1}
    status = make(replace(WELL, deployment=well), {}, NOW)

    for name in ("Ready", "WorkersAvailable"):
        assert condition(status, name)["status"] == "True"
        assert condition(status, name)["reason"] == "Updating"
        assert condition(status, name)["message"] == (
            "3 of 3 workers ready. 3 with the image and settings before. "
            "Details: kubectl describe pods -l flume.dev/pipeline=email"
        )


def test_workers_that_do_not_get_ready_say_where_to_look() -> None:
    """An image that cannot be pulled is said by the pods alone."""
    pods = {"replicas": 1, "generation": 1, "status": {"replicas": 1, "updatedReplicas": 1}}
    message = condition(make(replace(WELL, deployment=pods), {}, NOW), "Ready")["message"]

    assert "0 of 1 worker ready." in message
    assert "kubectl describe pods -l flume.dev/pipeline=email" in message


def test_what_is_no_longer_so_is_taken_out() -> None:
    """A merge patch leaves what it does not name: a limit that was removed would stay for ever."""
    before = make(WELL, {}, NOW)
    after = make(well_but(rate=None), before, LATER)

    assert change(before, after) == {"rate": None}
