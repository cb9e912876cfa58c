"""Spans of batches: one for each call, linked to the trace of each of its jobs."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from flume import Batch
from tests.runtime.batched import Digest, batched
from tests.runtime.spanning import Spans, attributes, outcomes
from tests.runtime.working import QUEUE, Stage
from tests.support.waiting import wait_until_async

SECRET = "ada@example.com"


@pytest.fixture
def stage(solo: Stage) -> Stage:
    """Return a queue on Valkey: nothing here depends on the server."""
    return solo


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
async def test_a_call_is_one_span_with_a_link_to_each_job(
    stage: Stage, spans: Spans, is_async: bool
) -> None:
    """From any of the requests that enqueued one leads to the call that served them all."""
    inside: list[int] = []

    def note(batch: Batch[str]) -> None:
        inside.append(trace.get_current_span().get_span_context().span_id)

    async def note_async(batch: Batch[str]) -> None:
        note(batch)

    handler = batched(note_async if is_async else note)
    async with stage.working(handler, batch_size=3):
        for value in ("a", "b", SECRET):
            with trace.get_tracer("app").start_as_current_span("request"):
                await stage.client.enqueue(QUEUE, handler, value)
        await stage.until_empty()

    (run,) = spans.runs
    sent = [span.context.span_id for span in spans.enqueues]
    assert [link.context.span_id for link in run.links] == sent
    assert len({link.context.trace_id for link in run.links}) == 3
    assert (run.name, run.parent, inside) == (f"run {QUEUE}", None, [run.context.span_id])
    assert attributes(run) == {
        "messaging.system": "flume",
        "messaging.operation.name": "run",
        "messaging.operation.type": "process",
        "messaging.destination.name": QUEUE,
        "messaging.batch.message_count": 3,
        "flume.handler": "digest",
        "flume.outcome": "completed",
    }
    assert SECRET not in spans.text()


async def test_each_call_of_a_batch_that_is_halved_is_a_span(stage: Stage, spans: Spans) -> None:
    """They show how the one that fails was found."""
    handler = Digest("bad").handler()
    await stage.client.enqueue_many(QUEUE, [handler.job(value) for value in ("good", "bad")])
    async with stage.working(handler, batch_size=2, max_retries=0):
        await stage.until(lambda c: c.dead)

    assert outcomes(spans.runs) == ["failed", "completed", "failed"]
    assert [attributes(run)["messaging.batch.message_count"] for run in spans.runs] == [2, 1, 1]
    first, good, bad = spans.runs
    for run in (first, bad):
        assert run.status.status_code is StatusCode.ERROR
        assert attributes(run)["error.type"] == "ValueError"
    assert good.status.status_code is StatusCode.UNSET


async def test_a_timeout_is_the_error_of_its_call(stage: Stage, spans: Spans) -> None:
    """A cancelled handler says CancelledError, which would not tell why."""

    async def hang(_: Batch[int]) -> None:
        await asyncio.Event().wait()

    handler = batched(hang)
    await stage.client.enqueue(QUEUE, handler, 1)
    async with stage.working(handler, batch_size=1, timeout_s=0.1, max_retries=0):
        await stage.until(lambda c: c.dead)

    (run,) = spans.runs
    assert outcomes([run]) == ["failed"]
    assert attributes(run)["error.type"] == "flume.errors.JobTimeoutError"


async def test_calls_that_end_with_the_worker_are_no_errors(stage: Stage, spans: Spans) -> None:
    """A rolling deploy is orderly."""
    started = asyncio.Event()

    async def hang(_: Batch[int]) -> None:
        started.set()
        await asyncio.Event().wait()

    handler = batched(hang)
    await stage.client.enqueue(QUEUE, handler, 1)
    async with stage.working(handler, batch_size=1, grace_s=0.1):
        await wait_until_async(started.is_set)

    assert outcomes(spans.runs) == ["released"]
    assert spans.runs[0].status.status_code is StatusCode.UNSET
