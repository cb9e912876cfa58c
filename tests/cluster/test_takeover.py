"""Two operators as processes: one leads, the other takes over; and what their health port says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flume_operator.election import LeaseTimes
from tests.support.clusters import Namespace
from tests.support.operating import running_operator
from tests.support.probing import Probe, probe_of, total
from tests.support.processes import Process
from tests.support.waiting import wait_until

HANDED_OVER_SECONDS = 5.0
"""Far below what a rival waits for a leader that says nothing."""
KILLED_SECONDS = LeaseTimes().duration_s + 5.0
"""The Lease, a look, and the time of a slow machine."""


@contextmanager
def operator(namespace: Namespace, log: Path) -> Iterator[Process]:
    """Run an operator for one namespace, which has the Lease as well."""
    flags = ("--namespaces", namespace.name, "--lease-namespace", namespace.name)
    with running_operator(namespace.cluster, log, *flags) as process:
        yield process


def is_leading(probe: Probe) -> bool:
    """Return whether an operator says that it leads."""
    return total(probe.samples(), "flume_operator_leading") == 1


def test_a_leader_that_is_told_to_stop_hands_over_at_once(
    namespace: Namespace, tmp_path: Path
) -> None:
    """A rollout replaces the leader: Pipelines are looked after all the same."""
    with operator(namespace, tmp_path / "1") as first:
        wait_until(lambda: is_leading(probe_of(first)))
        with operator(namespace, tmp_path / "2") as second:
            standby = probe_of(second)
            ready = standby.wait_for("/readyz", 200)
            was_alone = not is_leading(standby)
            first.terminate()
            wait_until(lambda: is_leading(standby), HANDED_OVER_SECONDS)
            alive = standby.get("/healthz")

    assert was_alone
    assert ready == "ok\n"
    assert alive == (200, "ok\n")


def test_a_leader_that_was_frozen_leads_no_more(namespace: Namespace, tmp_path: Path) -> None:
    """Its node stood still; it wakes up beside another leader, and must only wait."""
    with operator(namespace, tmp_path / "1") as first:
        wait_until(lambda: is_leading(probe_of(first)))
        with operator(namespace, tmp_path / "2") as second:
            first.freeze()
            wait_until(lambda: is_leading(probe_of(second)), KILLED_SECONDS)
            first.thaw()
            first.wait_for_output("leadership_lost")
            found = is_leading(probe_of(first)), is_leading(probe_of(second))
            ready = probe_of(first).wait_for("/readyz", 200)

    assert found == (False, True)
    assert ready == "ok\n"
