"""Measure how soon a Pipeline works, and what the operator does while nothing happens."""

from __future__ import annotations

import time
from functools import partial

from benchmarks.cluster.audit import Counts, Trail
from benchmarks.cluster.claims import Claims
from benchmarks.cluster.stage import Stage
from benchmarks.cluster.waiting import until
from flume import ref

STARTS = 5
START_SECONDS = 120.0
SETTLE_SECONDS = 10.0  # after the last condition: the operator looks at a queue every ten
REST_SECONDS = 60.0
COUNTED = "counted"


def measure_starts(stage: Stage) -> list[float]:
    """Return how many seconds each apply of a minimal Pipeline took to the claim of its job."""
    return [_start(stage, f"minimal-{number}") for number in range(STARTS)]


def _start(stage: Stage, name: str) -> float:
    claims = Claims(stage.redis, name, COUNTED)
    stage.client.enqueue(name, ref(COUNTED), 0, 0.0)
    before = claims.look().at_us
    with stage.pipeline(name):
        until(lambda: not claims.look().ready, START_SECONDS, f"the claim of {name}", poll=0.01)
        return (claims.look().at_us - before) / 1e6


def measure_rest(stage: Stage) -> Counts:
    """Return the operator's calls while three Pipelines have nothing to do."""
    batch = {"batchSize": 10, "rateLimit": {"count": 10, "periodSeconds": 1}}
    with (
        stage.pipeline("rest-one"),
        stage.pipeline("rest-batch", **batch),
        stage.pipeline("rest-paused", paused=True, replicas=2),
    ):
        for name, count in (("rest-one", 1), ("rest-batch", 1), ("rest-paused", 2)):
            stage.await_workers(name, count)
            until(partial(_is_ready, stage, name), START_SECONDS, f"{name} Ready", poll=0.2)
        trail = Trail(stage.node)
        time.sleep(SETTLE_SECONDS)
        trail.mark()
        time.sleep(REST_SECONDS)
        return trail.counts()


def _is_ready(stage: Stage, name: str) -> bool:
    conditions = stage.read(name).get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
