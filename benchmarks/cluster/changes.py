"""Measure changes of a running Pipeline: those that pods obey, and those that replace them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from benchmarks.cluster.app.jobs import RUNS
from benchmarks.cluster.kube import Object
from benchmarks.cluster.stage import Stage
from benchmarks.cluster.waiting import NeverError, until
from flume import ref
from flume.commands.client import Counts

LIVE, ROLLED = "live", "roll"
"""Names of the Pipelines."""
REPLICAS = 5
CHANGES = 10
CHANGE_SECONDS = 30.0
CONCURRENCY = 10
HANDLER, JOB_SECONDS = "counted", 0.3
JOBS_A_LOOK, LOOK_SECONDS = 10, 0.1  # about a hundred a second: all workers run some at any time
ROLL_SECONDS = 180.0
SHAPES: Sequence[Object] = (
    {"pod": {"labels": {"release": "2"}}},
    {"resources": {"requests": {"cpu": "10m"}}},
    {"pod": {"terminationGracePeriodSeconds": 45}},
)


class RestartedError(RuntimeError):
    """Pods were replaced that should have stayed."""


@dataclass(frozen=True, slots=True)
class Roll:
    """What rollouts did to jobs."""

    jobs: int
    lost: int
    """That never started."""
    repeated: int
    """Starts after the first of a job."""
    longest_s: float
    """From before the change until all pods were new and ready, at worst."""


def measure_live_settings(stage: Stage) -> list[float]:
    """Return how many seconds each change took until all pods obeyed it.

    Raises:
        RestartedError: If a pod is not the one it was.
    """
    took = []
    with stage.pipeline(LIVE, replicas=REPLICAS):
        stage.await_workers(LIVE, REPLICAS)
        before = stage.uids(LIVE)
        for number in range(CHANGES):
            stage.patch(LIVE, _settings(number))
            returned = time.monotonic()
            generation = stage.read(LIVE)["metadata"]["generation"]
            do_all = partial(stage.obeys, LIVE, REPLICAS, generation)
            until(do_all, CHANGE_SECONDS, "a live change", poll=0.01)
            took.append(time.monotonic() - returned)
        if stage.uids(LIVE) != before:
            raise RestartedError(f"{CHANGES} changes of live settings have made new pods")
    return took


def _settings(number: int) -> Object:
    return {
        "maxDemand": 20 + number,
        "concurrency": 2 + number,
        "timeoutSeconds": 100 + number,
        "retry": {"maxRetries": number},
        "rateLimit": {"count": 1000 + number, "periodSeconds": 1},
    }


def measure_roll(stage: Stage) -> Roll:
    """Change the pods' shape again and again while jobs run, and count how often each started."""
    jobs, longest, queue = 0, 0.0, stage.client.queue(ROLLED)
    stage.redis.delete(RUNS)
    with stage.pipeline(ROLLED, replicas=REPLICAS, concurrency=CONCURRENCY):
        stage.await_workers(ROLLED, REPLICAS)
        for shape in SHAPES:
            has_rolled, started = _rolling(stage), time.monotonic()
            stage.patch(ROLLED, shape)
            while not has_rolled():
                jobs = _feed(stage, jobs)
                if time.monotonic() - started > ROLL_SECONDS:
                    raise NeverError(f"new pods after {shape}: not within {ROLL_SECONDS:g} s")
            longest = max(longest, time.monotonic() - started)
        until(lambda: not _unfinished(queue.counts()), ROLL_SECONDS, "the end of all jobs")
        completed = queue.counts().totals.get("completed", 0)
    runs = [int(count) for count in cast(list[bytes], stage.redis.hvals(RUNS))]
    return judge_roll(jobs, completed, runs, longest)


def judge_roll(jobs: int, completed: int, runs: Sequence[int], longest_s: float) -> Roll:
    """Return what rollouts did to jobs, from how often each of those that started did so."""
    lost = jobs - min(completed, len(runs))
    return Roll(jobs, lost, sum(runs) - len(runs), longest_s)


def _feed(stage: Stage, jobs: int) -> int:
    """Enqueue some more jobs, wait a little, and return how many there were until now."""
    handler, numbers = ref(HANDLER), range(jobs, jobs + JOBS_A_LOOK)
    stage.client.enqueue_many(ROLLED, [handler.job(n, JOB_SECONDS) for n in numbers])
    time.sleep(LOOK_SECONDS)
    return numbers.stop


def _rolling(stage: Stage) -> Callable[[], bool]:
    """Return what says whether no pod is left of those there are now, and all new ones work."""
    before = stage.uids(ROLLED)

    def has_rolled() -> bool:
        pods = stage.pods(ROLLED)
        ready = [
            each["status"]
            for pod in pods
            for each in pod["status"].get("conditions", [])
            if each["type"] == "Ready"
        ]
        is_new = not before & {pod["metadata"]["uid"] for pod in pods}
        return is_new and ready == ["True"] * REPLICAS

    return has_rolled


def _unfinished(counts: Counts) -> int:
    return counts.ready + counts.scheduled + counts.retrying + counts.running
