"""Two operators, one Lease: one writes, and the other takes over within seconds."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flume_operator.api import Api
from flume_operator.clocks import steady
from flume_operator.leader import KIND
from flume_operator.objects import Key
from tests.support.clusters import Namespace
from tests.support.kube_api import opened_api, port_of
from tests.support.leading import (
    LEASE,
    TIMES,
    Candidate,
    Referee,
    holder_of,
    leading,
    lease_when,
    standing,
)
from tests.support.processes import REPOSITORY, Process, running
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until_async


@pytest.fixture
async def api(namespace: Namespace) -> AsyncIterator[Api]:
    """Return calls to the cluster."""
    async with opened_api(namespace.cluster.kubeconfig) as opened:
        yield opened


@pytest.fixture
async def proxy(namespace: Namespace) -> AsyncIterator[Proxy]:
    """Return a proxy in front of the API server."""
    with Proxy(await port_of(namespace.cluster.kubeconfig)) as opened:
        yield opened


@pytest.fixture
async def cut_off(namespace: Namespace, proxy: Proxy) -> AsyncIterator[Api]:
    """Return calls that pass the proxy."""
    async with opened_api(namespace.cluster.kubeconfig, port=proxy.port) as opened:
        yield opened


async def test_one_of_many_leads(api: Api, namespace: Namespace) -> None:
    """All of a rollout's pods start at once, with no Lease there."""
    many = [Candidate(api, namespace.name, f"pod-{number}") for number in range(8)]
    referee = Referee(many)
    with referee.watching():
        async with standing(*many):
            await wait_until_async(lambda: any(each.is_at_work for each in many))
            lease = await lease_when(api, namespace.name, holder_of)
            leading = [each.leader.identity for each in many if each.is_at_work]

    assert leading == [holder_of(lease)]
    assert lease["spec"]["leaseDurationSeconds"] == TIMES.duration_s
    assert lease["spec"]["leaseTransitions"] == 0
    assert referee.looks > 100
    assert referee.fouls == 0


async def test_a_leader_that_stops_hands_over_at_once(api: Api, namespace: Namespace) -> None:
    """A rollout of the operator must not leave a cluster without one."""
    first = Candidate(api, namespace.name, "first")
    second = Candidate(api, namespace.name, "second")
    async with leading(first, second) as referee:
        before = steady()
        first.stopping.set()
        await wait_until_async(lambda: second.is_at_work)
        took_s = steady() - before
        lease = await lease_when(api, namespace.name, holder_of)
    left = await lease_when(api, namespace.name, bool)

    assert took_s < TIMES.term_s  # a look, and two calls; after a kill it is the whole Lease
    assert (holder_of(lease), lease["spec"]["leaseTransitions"]) == ("second", 1)
    assert holder_of(left) == ""
    assert referee.fouls == 0


@pytest.mark.parametrize("outage", ["stall", "refuse"])
async def test_a_leader_that_is_cut_off_stops_before_another_begins(
    api: Api, cut_off: Api, proxy: Proxy, namespace: Namespace, outage: str
) -> None:
    """It cannot be told that it is replaced, and must not need to be."""
    first = Candidate(cut_off, namespace.name, "first")
    second = Candidate(api, namespace.name, "second")
    async with leading(first, second) as referee:
        before = steady()
        getattr(proxy, outage)()
        await wait_until_async(lambda: not first.is_at_work)
        stopped_s = steady() - before
        was_alone = not second.leader.is_leading
        await wait_until_async(lambda: second.is_at_work)
        took_s = steady() - before
        proxy.heal()
        second.stopping.set()
        await wait_until_async(lambda: first.terms == 2)

    assert stopped_s < TIMES.duration_s
    assert was_alone
    assert took_s <= TIMES.duration_s + 3.0
    assert referee.fouls == 0


async def test_a_frozen_leader_writes_nothing_when_it_wakes_up(
    api: Api, namespace: Namespace, tmp_path: Path
) -> None:
    """A node that stood still for a minute goes on in the middle of a line of code."""
    kubeconfig = namespace.cluster.kubeconfig
    command = [sys.executable, "-m", "tests.support.leading", str(kubeconfig), namespace.name]
    paths = os.pathsep.join(str(REPOSITORY / each) for each in (".", "worker", "operator"))
    with running(command, log=tmp_path / "log", environment={"PYTHONPATH": paths}) as process:
        await wait_until_async(lambda: process.output.count("leads") > 100, 20.0)
        second = Candidate(api, namespace.name, "second")
        async with standing(second):
            process.freeze()
            await wait_until_async(lambda: second.is_at_work)
            began = steady()
            process.thaw()
            await wait_until_async(lambda: len(_looks_after(process, began)) > 100)
            looks = _looks_after(process, began)

    assert set(looks) == {"waits"}


async def test_a_renewal_whose_answer_was_lost_is_no_loss(
    api: Api, cut_off: Api, proxy: Proxy, namespace: Namespace
) -> None:
    """The next one meets a conflict with itself, and must not take that for a rival."""
    candidate = Candidate(cut_off, namespace.name, "first")
    async with standing(candidate):
        await wait_until_async(lambda: candidate.is_at_work)
        for _ in range(3):
            cuts = proxy.cuts
            proxy.drop_replies()
            await wait_until_async(lambda: proxy.cuts > cuts)  # noqa: B023 - awaited here
            await _renewed(api, namespace)

    assert candidate.terms == 1


async def test_a_lease_that_is_taken_by_force_ends_the_term_at_once(
    api: Api, namespace: Namespace
) -> None:
    """A person who edits the Lease wants it so; without renewals it is taken back."""
    candidate = Candidate(api, namespace.name, "first")
    async with standing(candidate):
        await wait_until_async(lambda: candidate.is_at_work)
        before = steady()
        await api.merge("Lease", Key(namespace.name, LEASE), {"spec": {"holderIdentity": "me"}})
        await wait_until_async(lambda: not candidate.is_at_work)
        took_s = steady() - before
        await wait_until_async(lambda: candidate.terms == 2)
        again_s = steady() - before

    assert took_s < TIMES.term_s - 2 * TIMES.renew_s  # what is left of the term without a look
    assert again_s >= TIMES.duration_s


async def test_a_leader_outlives_its_lease(api: Api, namespace: Namespace) -> None:
    """Deleted by mistake, it is made anew; a process that starts then does not lead beside it."""
    first = Candidate(api, namespace.name, "first")
    second = Candidate(api, namespace.name, "second")
    third = Candidate(api, namespace.name, "third")
    async with leading(first, second) as referee:
        await asyncio.to_thread(namespace.kubectl, "delete", "lease", LEASE)
        async with standing(third):
            await lease_when(api, namespace.name, holder_of)
            await asyncio.to_thread(namespace.kubectl, "delete", "lease", LEASE)
            lease = await lease_when(api, namespace.name, holder_of)
            terms = first.terms, second.terms, third.terms

    assert holder_of(lease) == "first"
    assert terms == (1, 0, 0)
    assert referee.fouls == 0


async def test_an_empty_lease_is_taken(api: Api, namespace: Namespace) -> None:
    """A person may have made it, with nothing in it."""
    metadata = {"name": LEASE, "namespace": namespace.name}
    await api.create({**KIND, "metadata": metadata, "spec": {}})
    candidate = Candidate(api, namespace.name, "first")
    async with standing(candidate):
        await wait_until_async(lambda: candidate.is_at_work)
        lease = await lease_when(api, namespace.name, holder_of)

    assert holder_of(lease) == "first"


async def test_what_others_wrote_into_the_lease_stays(api: Api, namespace: Namespace) -> None:
    """A tool's annotation is not ours to remove, and its change is no rival."""
    candidate = Candidate(api, namespace.name, "first")
    async with standing(candidate):
        await wait_until_async(lambda: candidate.is_at_work)
        annotations = {"example.com/kept": "yes"}
        patch = {"metadata": {"annotations": annotations}}
        await api.merge("Lease", Key(namespace.name, LEASE), patch)
        lease = await _renewed(api, namespace)

    assert candidate.terms == 1
    assert lease["metadata"]["annotations"] == annotations


async def test_a_missing_right_is_named_and_waited_for(
    namespace: Namespace, caplog: pytest.LogCaptureFixture
) -> None:
    """Readiness and one line of the log have the words of the API server."""
    token = namespace.kubectl("create", "token", "default").strip()
    async with opened_api(namespace.cluster.kubeconfig, token=token) as stranger:
        candidate = Candidate(stranger, namespace.name, "first")
        async with standing(candidate):
            await wait_until_async(lambda: not candidate.leader.check()[0])
            word = candidate.leader.check()[1]
            verbs = ("--verb=get,create,update", "--resource=leases.coordination.k8s.io")
            ask = partial(asyncio.to_thread, namespace.kubectl)  # it tries again meanwhile
            await ask("create", "role", "lease", *verbs)
            whose = f"--serviceaccount={namespace.name}:default"
            await ask("create", "rolebinding", "lease", "--role=lease", whose)
            await wait_until_async(lambda: candidate.is_at_work)
            well = candidate.leader.check()

    assert 'cannot get resource "leases" in API group "coordination.k8s.io"' in word
    assert well == (True, "ok")
    lines = [record.getMessage() for record in caplog.records]
    assert lines.count("lease_not_reached") == 1


async def _renewed(api: Api, namespace: Namespace) -> Mapping[str, Any]:
    """Return the Lease once it was renewed again."""
    before = await lease_when(api, namespace.name, holder_of)
    moment = before["spec"]["renewTime"]
    return await lease_when(api, namespace.name, lambda it: it["spec"]["renewTime"] != moment)


def _looks_after(process: Process, moment: float) -> list[str]:
    """Return whether a process led each time it looked after ``moment``."""
    lines = [line.split() for line in process.output.splitlines()]
    return [words[1] for words in lines if len(words) == 2 and float(words[0]) > moment]
