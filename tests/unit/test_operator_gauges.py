"""The operator's view of queues for Prometheus: each once, and nothing that is no longer true."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from flume.control import Counts, HandlerDepth
from flume_operator.gauges import STALE_S, QueueGauges
from flume_operator.objects import Key


class Clock:
    """Seconds that stand still until a test moves them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


EMAIL, FAX = Key("shop", "email"), Key("shop", "fax")


def counts(depth: int = 3, latency_s: float = 1.5, **handlers: tuple[int, float]) -> Counts:
    """Return what a queue of some handlers is like."""
    found = {name: HandlerDepth(*values) for name, values in handlers.items()}
    return Counts(depth, 1, 2, 4, 5, latency_s, True, {}, found or {"send": HandlerDepth(3, 1.5)})


def scraped(gauges: QueueGauges) -> dict[str, float]:
    """Return the samples of a scrape, by name and labels."""
    registry = CollectorRegistry()
    registry.register(gauges)
    lines = generate_latest(registry).decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


def labels(**values: Any) -> str:
    """Return labels as they stand in a scrape."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in values.items()) + "}"


ORDERS = labels(namespace="shop", pipeline="email", queue="orders")
"""The labels of a queue, sorted as prometheus-client prints them."""


def test_a_queue_is_shown_by_handler() -> None:
    """An autoscaler goes by one handler's jobs where a queue has several."""
    gauges = QueueGauges()
    gauges.saw(EMAIL, "uid", "orders", counts(depth=5, send=(3, 1.5), fax=(0, 0.0)))
    found = scraped(gauges)

    send = labels(handler="send", namespace="shop", pipeline="email", queue="orders")
    fax = labels(handler="fax", namespace="shop", pipeline="email", queue="orders")
    assert found[f"flume_queue_depth{send}"] == 3
    assert found[f"flume_queue_latency_seconds{send}"] == 1.5
    assert found[f"flume_queue_depth{fax}"] == 0
    states = {"suspects": 2, "scheduled": 1, "retrying": 2, "running": 4, "dead": 5, "paused": 1}
    assert {name: found[f"flume_queue_{name}{ORDERS}"] for name in states} == states


def test_what_was_seen_long_ago_is_left_out() -> None:
    """In an outage of Redis an autoscaler must not scale by the depth before it."""
    clock = Clock()
    gauges = QueueGauges(clock=clock)
    gauges.saw(EMAIL, "uid", "orders", counts())
    clock.now += STALE_S - 1
    gauges.saw(FAX, "uid2", "faxes", counts())
    assert f"flume_queue_dead{ORDERS}" in scraped(gauges)
    clock.now += 2

    assert {name for name in scraped(gauges) if "orders" in name} == set()
    assert {name for name in scraped(gauges) if "faxes" in name} != set()


def test_with_many_pipelines_a_round_of_looks_may_take_longer() -> None:
    """Two thousand are looked at once in a hundred seconds."""
    clock = Clock()
    gauges = QueueGauges(clock=clock)
    for number in range(2000):
        gauges.saw(Key("shop", f"p{number}"), "uid", f"q{number}", counts())
    clock.now += 2 * STALE_S

    assert len([name for name in scraped(gauges) if name.startswith("flume_queue_dead")]) == 2000


def test_a_pipeline_that_is_gone_shows_nothing() -> None:
    """But not by the late news of one that was made anew under its name."""
    gauges = QueueGauges()
    gauges.saw(EMAIL, "new", "orders", counts())
    gauges.forget(EMAIL, "old")
    assert scraped(gauges) != {}
    gauges.forget(EMAIL, "new")

    assert scraped(gauges) == {}


def test_who_does_not_lead_shows_nothing() -> None:
    """Two processes would show each queue twice, and a sum over them count it twice."""
    gauges = QueueGauges()
    gauges.saw(EMAIL, "uid", "orders", counts())
    gauges.clear()

    assert scraped(gauges) == {}
