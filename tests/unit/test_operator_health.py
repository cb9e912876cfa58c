"""When the operator counts as dead: stuck, blocked, or blind; and when it does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from flume.health import Answer, Pulse
from flume_operator import audit, health
from flume_operator.audit import Versions, WatchAudit
from flume_operator.health import all_of, not_stuck, running, served
from flume_operator.metrics import OperatorMetrics
from tests.support.manual_clock import ManualClock
from tests.support.probing import Probe, total


def test_a_run_that_does_not_end_is_not_alive() -> None:
    """Its Pipeline would never be looked at again, and nothing else would show it."""
    ages = iter([0.0, health.STUCK_BOUND_S, health.STUCK_BOUND_S + 1])
    check = not_stuck(lambda: next(ages))

    assert [check()[0] for _ in range(3)] == [True, True, False]


def test_a_loop_that_stands_still_is_named() -> None:
    """There are two: that of the watch and that of the reconciler."""
    pulse = Pulse(0.0, loop="the watch's loop", blocker="a handler of an event")

    is_well, word = pulse.check()

    assert not is_well
    assert word.startswith("the watch's loop has not turned for")
    assert word.endswith("a handler of an event blocks it")


def test_a_thread_that_has_ended_is_not_alive() -> None:
    """kopf ends when it has run out of patience, and the process lives on."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="watch")
    thread.start()
    check = running(thread)
    before = check()
    over.set()
    thread.join()

    assert (before, check()) == ((True, "ok"), (False, "watch has ended"))


def test_each_reason_is_named() -> None:
    """``kubectl describe pod`` shows the text of a failed probe."""
    bad: Answer = (False, "it is so")

    assert all_of({"a": lambda: bad, "b": lambda: (True, "ok"), "c": lambda: bad})() == (
        False,
        "a: it is so; c: it is so",
    )
    assert all_of({})() == (True, "ok")


@pytest.fixture
def probe() -> Iterator[Probe]:
    """Return a probe of pages whose operator lives and is not ready."""
    registry = CollectorRegistry()
    metrics = OperatorMetrics(registry)
    metrics.ran("done", 0.02)
    metrics.wrote("Deployment", "done")
    metrics.leading.set(1)
    word = "the API server cannot be reached"
    with served(0, live={}, ready=lambda: (False, word), registry=registry) as port:
        yield Probe(port)


def test_the_pages_are_served(probe: Probe) -> None:
    """A standby that cannot reach its Lease would not take over."""
    assert probe.get("/healthz") == (200, "ok\n")
    assert probe.get("/readyz") == (503, "the API server cannot be reached\n")


def test_the_metrics_are_served(probe: Probe) -> None:
    """With those of the process: memory is what an operator runs out of."""
    samples = probe.samples()

    assert total(samples, "flume_operator_leading") == 1
    assert total(samples, "flume_operator_writes_total", kind="Deployment", outcome="done") == 1
    assert total(samples, "flume_operator_reconcile_duration_seconds_count", outcome="done") == 1
    assert "process_resident_memory_bytes" in {sample.name for sample in samples}


class Watched:
    """A cluster's Pipelines and what a watch has brought of them."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.audit = WatchAudit(self._list, dict, clock=self.clock)

    async def _list(self) -> Versions:
        return {}

    def compare(self, listed: Versions, cached: Versions, *, after_s: float = 0.0) -> bool:
        """Compare after some seconds, and return whether the watch counts as alive."""
        self.clock.now += after_s
        self.audit.compare(listed, cached)
        return self.audit.check()[0]


@pytest.fixture
def watched() -> Watched:
    """Return a watch that was not looked at yet."""
    return Watched()


def test_a_watch_that_brings_nothing_though_something_changed_is_dead(watched: Watched) -> None:
    """It may be connected and silent for ever; only a restart mends it."""
    first = watched.compare({"a": "2", "b": "5"}, {"a": "1", "b": "5"})
    second = watched.compare({"a": "2", "b": "5"}, {"a": "1", "b": "5"}, after_s=audit.EVERY_S)
    third = watched.compare({"a": "3", "b": "5"}, {"a": "1", "b": "5"}, after_s=audit.BOUND_S)

    assert (first, second, third) == (True, True, False)
    assert watched.audit.check()[1] == "Pipelines that changed unseen: 1, the first 130 s ago"


def test_a_pipeline_that_never_came_counts(watched: Watched) -> None:
    """The first event of a watch can be lost like any other."""
    watched.compare({"a": "1"}, {})

    assert not watched.compare({"a": "1"}, {}, after_s=audit.BOUND_S + 1)


def test_a_quiet_watch_is_alive(watched: Watched) -> None:
    """Most clusters change nothing for days."""
    for _ in range(10):
        assert watched.compare({"a": "1"}, {"a": "1"}, after_s=audit.BOUND_S)


def test_a_busy_pipeline_is_always_a_little_behind(watched: Watched) -> None:
    """The list is read before the cache has the change: what matters is that the cache moves."""
    for version in range(10):
        listed, cached = {"a": str(version + 1)}, {"a": str(version)}
        assert watched.compare(listed, cached, after_s=audit.BOUND_S)


def test_a_watch_that_caught_up_is_alive_again(watched: Watched) -> None:
    """It connects again by itself, after an API server that was away."""
    watched.compare({"a": "2"}, {"a": "1"})
    watched.compare({"a": "2"}, {"a": "1"}, after_s=audit.BOUND_S + 1)

    assert watched.compare({"a": "2"}, {"a": "2"}, after_s=1.0)
