"""Measure how soon `kubectl patch … paused` stops five busy replicas, whatever else goes on."""

from __future__ import annotations

import contextlib
import statistics
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.cluster.claims import Claims, Pause, judge
from benchmarks.cluster.holes import Hole, dug
from benchmarks.cluster.kube import PIPELINES, Calls
from benchmarks.cluster.many import NAMESPACE as MANY
from benchmarks.cluster.many import Many
from benchmarks.cluster.stage import NAMESPACE, Stage
from benchmarks.cluster.waiting import until
from flume import ref

NAME, HANDLER = "busy", "busy"
REPLICAS, CONCURRENCY = 5, 10
JOB_SECONDS = 0.1  # 500 claims a second: busy replicas, and not the machine's cores alone
TRIES = 50
KILLS = 5
BOUND_SECONDS = 60.0
BUSY_CLAIMS = 100  # since the resume, before the next pause
BUSY_SECONDS = 60.0
FILL, LOW = 20_000, 5_000
CHANGES_PER_SECOND = 25  # each of 500 Pipelines every twenty seconds


@dataclass(frozen=True, slots=True)
class Pauses:
    """What followed a number of pauses."""

    tries: Sequence[Pause]

    @property
    def p50_ms(self) -> float:
        """Median of the last claims."""
        return self._cut(50)

    @property
    def p99_ms(self) -> float:
        """The latest in a hundred."""
        return self._cut(99)

    @property
    def max_ms(self) -> float:
        """The latest."""
        return max(each.last_claim_ms for each in self.tries)

    @property
    def claims_after(self) -> int:
        """Jobs that were claimed though Redis had the pause."""
        return sum(each.claims_after for each in self.tries)

    def _cut(self, percent: int) -> float:
        late = [each.last_claim_ms for each in self.tries]
        return statistics.quantiles(late, n=100, method="inclusive")[percent - 1]


def measure_pauses(stage: Stage) -> Pauses:
    """Pause while nothing else goes on."""
    with _busy(stage) as claims:
        return _series(stage, claims, TRIES)


def measure_hanging(stage: Stage) -> Pauses:
    """Pause while a reconcile of the same Pipeline hangs in the API server."""
    kube = stage.kube
    hanging = dug(NAMESPACE, stage.gateway, apply=kube.apply, kubectl=kube.kubectl)
    with _busy(stage) as claims, hanging as hole:
        demands = iter(range(100, 10_000))

        return _series(stage, claims, TRIES, before=partial(_let_hang, stage, hole, demands))


def measure_leader_killed(stage: Stage) -> Pauses:
    """Pause right after the process of the operator that leads was killed."""
    tries: list[Pause] = []
    with _busy(stage) as claims:
        for _ in range(KILLS):
            identity, leader = stage.operators.identity(), stage.operators.leader()
            kill = partial(stage.operators.kill, leader)
            tries += _series(stage, claims, 1, before=kill).tries
            stage.operators.replace(leader, identity)
    return Pauses(tries)


def measure_changing(stage: Stage, many: Many) -> tuple[Pauses, float]:
    """Pause while many other Pipelines change; also return how many did, each second."""
    with _busy(stage) as claims, _changing(stage, many) as changed:
        started = claims.look().at_us
        found = _series(stage, claims, TRIES)
        seconds = (claims.look().at_us - started) / 1e6
        return found, changed() / seconds


def _series(
    stage: Stage, claims: Claims, tries: int, *, before: Callable[[], None] = lambda: None
) -> Pauses:
    found = []
    for _ in range(tries):
        _fill(stage, claims)
        stage.patch(NAME, {"paused": False})
        _await_claims(claims)
        before()
        stage.patch(NAME, {"paused": True})
        found.append(judge(claims.until_quiet(BOUND_SECONDS)))
    return Pauses(found)


@contextlib.contextmanager
def _busy(stage: Stage) -> Iterator[Claims]:
    """Run five replicas that are busy unless they are paused."""
    claims = Claims(stage.redis, NAME, HANDLER)
    spec = {"replicas": REPLICAS, "concurrency": CONCURRENCY, "paused": True}
    with stage.pipeline(NAME, **spec):
        stage.await_workers(NAME, REPLICAS)
        try:
            yield claims
        finally:
            stage.client.queue(NAME).purge()


def _fill(stage: Stage, claims: Claims) -> None:
    if claims.look().ready < LOW:
        job = ref(HANDLER)
        stage.client.enqueue_many(NAME, [job.job(JOB_SECONDS) for _ in range(FILL)])


def _await_claims(claims: Claims) -> None:
    first = claims.look().ready
    until(lambda: claims.look().ready < first - BUSY_CLAIMS, BUSY_SECONDS, "claims after a resume")


def _let_hang(stage: Stage, hole: Hole, demands: Iterator[int]) -> None:
    """Return while a reconcile hangs: the write that it sent was taken and not answered."""

    def hangs() -> bool:
        if hole.holds_one:
            return True
        stage.patch(NAME, {"maxDemand": next(demands)})
        return False

    until(hangs, BUSY_SECONDS, "a reconcile that hangs", poll=0.2)


@contextlib.contextmanager
def _changing(stage: Stage, many: Many) -> Iterator[Callable[[], int]]:
    """Change others all the time; yields what tells how many changes there were."""
    over, count = threading.Event(), 0

    def change() -> None:
        nonlocal count
        with contextlib.closing(Calls(stage.kube.kubeconfig)) as calls:
            while not over.wait(1 / CHANGES_PER_SECOND):
                path = f"{PIPELINES}/namespaces/{MANY}/pipelines/{many.name(count % many.count)}"
                calls.merge(path, {"spec": {"maxDemand": 10 + count % 1000}})
                count += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield lambda: count
    finally:
        over.set()
        thread.join()
