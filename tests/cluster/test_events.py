"""Kubernetes Events, as a person reads them with kubectl."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from flume_operator import series
from flume_operator.api import Api
from flume_operator.events import Recorder
from flume_operator.series import About, Kind
from tests.support.clusters import Namespace
from tests.support.kube_api import opened_api, port_of
from tests.support.manual_clock import ManualClock
from tests.support.proxy import Proxy
from tests.support.waiting import POLL_SECONDS, wait_until_async

NOTE = "Redis does not answer. Running workers go on."
PIPELINE = """
apiVersion: flume.dev/v1alpha1
kind: Pipeline
metadata: {name: email}
spec: {queue: email, modules: [app.jobs], image: example/app:1}
"""


@pytest.fixture
async def api(namespace: Namespace) -> AsyncIterator[Api]:
    """Return calls to the cluster."""
    async with opened_api(namespace.cluster.kubeconfig) as opened:
        yield opened


@pytest.fixture
def email(namespace: Namespace) -> About:
    """Return a Pipeline that is there."""
    namespace.apply(PIPELINE)
    uid = namespace.get("pipeline", "email")["metadata"]["uid"]
    return About(namespace.name, "email", uid)


@contextlib.asynccontextmanager
async def writing(recorder: Recorder) -> AsyncIterator[None]:
    """Let a recorder write while the block runs, and then what is left."""
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(recorder.run(stopping))
        try:
            yield
        finally:
            stopping.set()


def warn(recorder: Recorder, about: About, note: str = NOTE) -> None:
    """Say that Redis is away."""
    recorder.say(about, Kind.WARNING, "RedisUnavailable", action="SyncSettings", note=note)


async def events_when(
    api: Api, namespace: str, is_it: Callable[[list[dict[str, Any]]], object]
) -> list[dict[str, Any]]:
    """Return the Events of a namespace's Pipelines once they are as they should be."""
    async with asyncio.timeout(15):
        while True:
            found = await api.list_all("Event", namespace)
            found = [event for event in found if event["regarding"]["kind"] == "Pipeline"]
            if is_it(found):
                return found
            await asyncio.sleep(POLL_SECONDS)


def count_of(event: dict[str, Any]) -> int:
    """Return how often an Event happened."""
    return int((event.get("series") or {}).get("count", 1))


async def test_kubectl_shows_what_was_said(api: Api, email: About, namespace: Namespace) -> None:
    """It is what people look at first: ``kubectl describe pipeline``."""
    recorder = Recorder(api, instance="pod-1")
    async with writing(recorder):
        warn(recorder, email)
        (event,) = await events_when(api, namespace.name, bool)
        described = await asyncio.to_thread(namespace.kubectl, "describe", "pipeline", "email")

    assert (event["type"], event["reason"], event["note"]) == (
        "Warning",
        "RedisUnavailable",
        NOTE,
    )
    assert event["regarding"] == {
        "apiVersion": "flume.dev/v1alpha1",
        "kind": "Pipeline",
        "name": "email",
        "namespace": namespace.name,
        "uid": email.uid,
    }
    assert event["reportingController"] == "flume.dev/operator"
    assert event["reportingInstance"] == "pod-1"
    assert NOTE in described


async def test_what_is_said_a_hundred_times_is_one_event(
    api: Api, email: About, namespace: Namespace
) -> None:
    """A back-off that tries for hours writes one line, and its count."""
    clock = ManualClock()
    recorder = Recorder(api, instance="pod-1", clock=clock)
    async with writing(recorder):
        warn(recorder, email)
        for _ in range(7):
            await events_when(api, namespace.name, bool)  # time to write, for who would
            for _ in range(14):
                warn(recorder, email)
        clock.now += series.QUIET_S
        warn(recorder, email)
        (event,) = await events_when(
            api, namespace.name, lambda found: found and count_of(found[0]) > 1
        )
        shown = await asyncio.to_thread(namespace.kubectl, "get", "events")

    assert count_of(event) == 100
    assert event["series"]["lastObservedTime"] > event["eventTime"]
    assert recorder.written == 2
    assert shown.count(NOTE) == 1


async def test_the_next_leader_counts_on(api: Api, email: About, namespace: Namespace) -> None:
    """A hand-over, or an operator that starts again and again, repeats nothing."""
    for number in range(3):
        recorder = Recorder(api, instance=f"pod-{number}")
        async with writing(recorder):
            warn(recorder, email)
    (event,) = await events_when(api, namespace.name, bool)

    assert count_of(event) == 3
    assert event["reportingInstance"] == "pod-0"


async def test_an_event_that_the_cluster_forgot_is_said_again(
    api: Api, email: About, namespace: Namespace
) -> None:
    """Kubernetes deletes them after an hour; what still holds must be seen still."""
    clock = ManualClock()
    recorder = Recorder(api, instance="pod-1", clock=clock)
    async with writing(recorder):
        warn(recorder, email)
        (old,) = await events_when(api, namespace.name, bool)
        namespace.kubectl("delete", "event", old["metadata"]["name"])
        clock.now += series.QUIET_S
        warn(recorder, email)
        (new,) = await events_when(api, namespace.name, bool)

    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    assert count_of(new) == 1


async def test_an_event_that_is_refused_holds_up_no_other(
    api: Api, email: About, namespace: Namespace, caplog: pytest.LogCaptureFixture
) -> None:
    """Its namespace may just have been deleted, with all that is in it."""
    recorder = Recorder(api, instance="pod-1")
    async with writing(recorder):
        for number in range(3):
            warn(recorder, About("no-such-namespace", "email", f"uid-{number}"))
        warn(recorder, email)
        await events_when(api, namespace.name, bool)

    assert recorder.dropped == 3
    assert [record.getMessage() for record in caplog.records].count("event_refused") == 1


async def test_events_wait_for_the_api_server(email: About, namespace: Namespace) -> None:
    """What happened while it was away is worth most."""
    kubeconfig = namespace.cluster.kubeconfig
    with Proxy(await port_of(kubeconfig)) as proxy:
        proxy.cut_at_random(1.0, limit=1)
        async with opened_api(kubeconfig, port=proxy.port) as api:
            recorder = Recorder(api, instance="pod-1")
            async with writing(recorder):
                warn(recorder, email)
                warn(recorder, email)
                await wait_until_async(lambda: proxy.cuts == 1)
                (event,) = await events_when(api, namespace.name, bool)

    assert count_of(event) == 2


async def test_the_longest_note_is_taken(api: Api, email: About, namespace: Namespace) -> None:
    """The words of an API server that refuses a Deployment can fill pages."""
    recorder = Recorder(api, instance="x" * 300)
    async with writing(recorder):
        warn(recorder, email, "€" * 5000)
        (event,) = await events_when(api, namespace.name, bool)

    assert len(event["note"].encode()) <= series.MOST_NOTE_BYTES
    assert len(event["reportingInstance"]) == 128
