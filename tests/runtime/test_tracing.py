"""Spans: one for each enqueue, one for each run, and the run continues the trace of its enqueue."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from flume import Client, Discard, Retry, current_job
from flume.pipeline import PipelineSettings
from flume.runtime.tracing import traced
from tests.runtime.spanning import Spans, attributes, outcomes
from tests.runtime.working import QUEUE, Stage, named
from tests.support.processes import REPOSITORY
from tests.support.servers import Server
from tests.support.waiting import wait_until_async

SECRET = "ada@example.com"


@pytest.fixture
def stage(solo: Stage) -> Stage:
    """Return a queue on Valkey: nothing here depends on the server."""
    return solo


def handlers_of(function: Callable[[], object]) -> tuple[Any, Any]:
    """Return ``function`` as an async and as a sync handler."""

    async def run() -> None:
        function()

    return named("async", run), named("sync", function)


@pytest.mark.parametrize("is_sync", [False, True])
async def test_a_run_continues_the_trace_of_its_enqueue(
    stage: Stage, spans: Spans, is_sync: bool
) -> None:
    """The request that enqueued and what the handler calls are one trace, across processes."""
    handler = handlers_of(
        lambda: trace.get_tracer("app").start_span("query", kind=SpanKind.CLIENT).end()
    )[is_sync]

    async with stage.working(handler):
        with trace.get_tracer("app").start_as_current_span("request") as request:
            job = await stage.client.enqueue(QUEUE, handler)
        await stage.until(lambda c: c.totals.get("completed"))

    (enqueue,), (run,), (query,) = spans.enqueues, spans.runs, spans.of(SpanKind.CLIENT)
    assert request.get_span_context().trace_id == run.context.trace_id == query.context.trace_id
    assert enqueue.parent is not None
    assert enqueue.parent.span_id == request.get_span_context().span_id
    assert run.parent is not None
    assert run.parent.span_id == enqueue.context.span_id
    assert query.parent is not None
    assert query.parent.span_id == run.context.span_id
    assert job.headers["traceparent"].split("-")[2] == f"{enqueue.context.span_id:016x}"


async def test_spans_follow_the_conventions_for_messaging(stage: Stage, spans: Spans) -> None:
    """Dashboards that know other brokers find queue, job and handler where they look."""

    async def send(to: str) -> None: ...

    handler = named("send", send)
    async with stage.working(handler):
        job = await stage.client.enqueue(QUEUE, handler, SECRET)
        await stage.until(lambda c: c.totals.get("completed"))

    (enqueue,), (run,) = spans.enqueues, spans.runs
    size = attributes(run).pop("messaging.message.body.size")
    shared = {
        "messaging.system": "flume",
        "messaging.destination.name": QUEUE,
        "messaging.message.id": job.id,
        "flume.handler": "send",
    }
    assert (enqueue.name, run.name) == (f"enqueue {QUEUE}", f"run {QUEUE}")
    assert attributes(enqueue) == {
        **shared,
        "messaging.operation.name": "enqueue",
        "messaging.operation.type": "send",
    }
    assert attributes(run) == {
        **shared,
        "messaging.operation.name": "run",
        "messaging.operation.type": "process",
        "messaging.message.body.size": size,
        "flume.attempt": 1,
        "flume.outcome": "completed",
    }
    assert 50 < size < 250
    assert run.status.status_code is StatusCode.UNSET
    assert SECRET not in spans.text()


async def test_many_jobs_share_the_span_of_their_call(stage: Stage, spans: Spans) -> None:
    """A span for each of a million jobs would cost more than the jobs."""

    async def noop() -> None: ...

    handler = named("noop", noop)
    async with stage.working(handler):
        await stage.client.enqueue_many(QUEUE, [handler.job() for _ in range(5)])
        await stage.until(lambda c: c.totals.get("completed") == 5)

    (enqueue,) = spans.enqueues
    assert attributes(enqueue)["messaging.batch.message_count"] == 5
    assert [run.parent.span_id for run in spans.runs if run.parent] == [enqueue.context.span_id] * 5


async def test_callers_that_share_a_round_trip_keep_their_own_traces(
    stage: Stage, spans: Spans
) -> None:
    """The first of them sends for all, and must not adopt the others' jobs."""
    jobs = await asyncio.gather(*(stage.client.enqueue(QUEUE, "noop") for _ in range(5)))

    sent_by = {attributes(span)["messaging.message.id"]: span for span in spans.enqueues}
    carried = {job.id: int(job.headers["traceparent"].split("-")[1], 16) for job in jobs}
    assert carried == {job_id: span.context.trace_id for job_id, span in sent_by.items()}
    assert len(set(carried.values())) == 5


async def test_a_handler_that_enqueues_passes_the_trace_on(stage: Stage, spans: Spans) -> None:
    """A chain of jobs reads as one trace."""
    second = named("second", lambda: None)

    async def chain() -> None:
        await stage.client.enqueue(QUEUE, second)

    first = named("first", chain)
    async with stage.working(first, second):
        await stage.client.enqueue(QUEUE, first)
        await stage.until(lambda c: c.totals.get("completed") == 2)

    assert len({span.context.trace_id for span in (*spans.enqueues, *spans.runs)}) == 1


async def test_a_context_that_the_caller_chose_is_kept(stage: Stage, spans: Spans) -> None:
    """Whoever relays a job from elsewhere knows better where it comes from."""
    chosen = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"

    async def noop() -> None: ...

    handler = named("noop", noop)
    async with stage.working(handler):
        job = await stage.client.enqueue(QUEUE, handler.using(headers={"traceparent": chosen}))
        await stage.until(lambda c: c.totals.get("completed"))

    (run,) = spans.runs
    assert job.headers == {"traceparent": chosen}
    assert run.context.trace_id == int("a" * 32, 16)


def test_a_sync_client_makes_the_same_spans(valkey: Server, spans: Spans) -> None:
    """The two clients differ in how they wait, in nothing else."""
    with Client(valkey.url) as client:
        job = client.enqueue(QUEUE, "send", SECRET)
        again = client.enqueue_many(QUEUE, [job])[0]

    first, second = spans.enqueues
    assert attributes(first) == attributes(second)
    assert again.headers["traceparent"].split("-")[2] == f"{first.context.span_id:016x}"


@pytest.mark.parametrize("is_sync", [False, True])
async def test_each_run_of_a_failing_job_is_a_span_that_says_what_became_of_it(
    stage: Stage, spans: Spans, is_sync: bool
) -> None:
    """A trace shows how often a job was tried and why, without what the error repeats of it."""

    def fail() -> None:
        raise ValueError(f"no such mailbox: {SECRET}")

    handler = handlers_of(fail)[is_sync]
    async with stage.working(handler, max_retries=1, backoff_initial_s=0.01):
        job = await stage.client.enqueue(QUEUE, handler)
        await stage.until(lambda c: c.dead)
    kept = await stage.queue.job(job.id)

    assert outcomes(spans.runs) == ["retried", "buried"]
    assert [attributes(run)["flume.attempt"] for run in spans.runs] == [1, 2]
    for run in spans.runs:
        (event,) = run.events
        assert attributes(run)["error.type"] == "ValueError"
        assert run.status.status_code is StatusCode.ERROR
        assert (run.status.description or "").startswith("ValueError at test_tracing.py:")
        assert (event.attributes or {})["exception.type"] == "ValueError"
        assert "in fail" in str((event.attributes or {})["exception.stacktrace"])
    assert SECRET not in spans.text()
    assert SECRET in (kept.error or "")


@pytest.mark.parametrize(
    ("steer", "outcome"),
    [
        (Retry("vendor is busy"), "retried"),
        (Discard("unsubscribed"), "discarded"),
        (Discard("bad address", bury=True), "buried"),
    ],
)
async def test_what_a_handler_raises_to_steer_is_no_error(
    stage: Stage, spans: Spans, steer: Exception, outcome: str
) -> None:
    """An alert on failed spans must not ring for a vendor's rate limit."""

    async def run() -> None:
        if current_job().attempt == 1:
            raise steer

    handler = named("steer", run)
    async with stage.working(handler, backoff_initial_s=0.01):
        await stage.client.enqueue(QUEUE, handler)
        await stage.until_empty()

    assert outcomes(spans.runs)[0] == outcome
    assert spans.runs[0].status.status_code is StatusCode.UNSET
    assert "error.type" not in attributes(spans.runs[0])


async def test_a_timeout_is_the_error_of_its_run(stage: Stage, spans: Spans) -> None:
    """A cancelled handler says CancelledError, which would not tell why."""

    async def hang() -> None:
        await asyncio.Event().wait()

    handler = named("hang", hang)
    async with stage.working(handler, timeout_s=0.1, max_retries=0):
        await stage.client.enqueue(QUEUE, handler)
        await stage.until(lambda c: c.dead)

    (run,) = spans.runs
    assert outcomes([run]) == ["buried"]
    assert attributes(run)["error.type"] == "flume.errors.JobTimeoutError"
    assert "in hang" in str((run.events[0].attributes or {})["exception.stacktrace"])


async def test_runs_that_end_with_the_worker_or_the_lease_are_no_errors(
    stage: Stage, spans: Spans
) -> None:
    """A rolling deploy and a cancelled job are orderly."""
    started: list[str] = []

    async def hang() -> None:
        started.append(current_job().id)
        await asyncio.Event().wait()

    handler = named("hang", hang)
    async with stage.working(handler, grace_s=0.1, lease_s=1):
        cancelled = await stage.client.enqueue(QUEUE, handler)
        await stage.client.enqueue(QUEUE, handler)
        await wait_until_async(lambda: len(started) == 2)
        await stage.queue.cancel(cancelled.id)
        await wait_until_async(lambda: len(spans.runs) == 1)

    assert outcomes(spans.runs) == ["lost", "released"]
    assert {run.status.status_code for run in spans.runs} == {StatusCode.UNSET}


async def test_without_a_provider_nothing_is_wrapped_and_nothing_sent(stage: Stage) -> None:
    """Who does not trace pays nothing for each job, although the package is installed."""
    handlers = {"noop": named("noop", lambda: None)}

    job = await stage.client.enqueue(QUEUE, "noop")
    many = await stage.client.enqueue_many(QUEUE, [handlers["noop"].job()])

    assert traced(handlers, lambda: PipelineSettings(QUEUE)) is handlers
    assert job.headers == many[0].headers == {}


@pytest.mark.parametrize(
    ("provider", "is_wrapped"), [("", "False"), ("sdk_tracer_provider", "True")]
)
def test_a_worker_asks_for_the_provider_that_the_environment_names(
    provider: str, is_wrapped: str
) -> None:
    """``opentelemetry-instrument`` and operators set variables; nobody calls a function."""
    code = """
from flume import handler
from flume.pipeline import PipelineSettings
from flume.runtime.tracing import traced
handlers = {"noop": handler(name="noop")(lambda: None)}
print(traced(handlers, lambda: PipelineSettings("orders")) is not handlers)
"""

    assert printed(code, OTEL_PYTHON_TRACER_PROVIDER=provider) == is_wrapped


def test_importing_flume_does_not_load_opentelemetry() -> None:
    """It takes longer to load than all of the client."""
    code = "import sys, flume, flume.tracing, flume.handler; print('opentelemetry' in sys.modules)"

    assert printed(code) == "False"


def printed(code: str, **environment: str) -> str:
    """Return what a fresh interpreter prints."""
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
        env={"PYTHONPATH": "worker", **environment},
    )
    return found.stdout.strip()
