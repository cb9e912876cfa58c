"""The worker's half of tracing: each run of a handler is a span that continues its job's trace.

Where OpenTelemetry has not been set up by the time the worker starts, handlers are left as they
are, so that a run costs nothing more.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Any

from flume import tracing
from flume.batching import BatchHandler
from flume.current import HeldJob, running
from flume.errors import JobTimeoutError
from flume.handler import Handler
from flume.outcome import Discard, Retry
from flume.pipeline import PipelineSettings
from flume.runtime.batch_tracing import trace_batches
from flume.runtime.spans import ENDED, around, attributes
from flume.runtime.verdict import Again, judge

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

Handlers = Mapping[str, Handler[..., Any]]
Settings = Callable[[], PipelineSettings]
"""What is in force when a run ends: it may have changed since the worker started."""


def traced(handlers: Handlers, settings: Settings) -> Handlers:
    """Return the handlers, each run of which makes a span; the same ones where nobody listens."""
    if os.environ.get("OTEL_PYTHON_TRACER_PROVIDER"):  # names one that nobody may have loaded yet
        try:
            import opentelemetry.trace  # noqa: F401
        except ImportError:
            return handlers
    tracer = tracing.tracer()
    if tracer is None:
        return handlers
    made = {
        id(item): trace_batches(item, tracer, lambda: settings().queue)
        if isinstance(item, BatchHandler)
        else _traced(item, tracer, settings)
        for item in handlers.values()
    }
    return {name: made[id(item)] for name, item in handlers.items()}  # aliases share one


def _traced(handler: Handler[..., Any], tracer: Tracer, settings: Settings) -> Handler[..., Any]:
    return around(handler, lambda *_, **__: _Run(tracer, running.get(), settings))


class _Run(AbstractContextManager[None]):
    """The span of one run, active while the handler runs."""

    __slots__ = ("_job", "_settings", "_span", "_token", "_tracer")

    def __init__(self, tracer: Tracer, job: HeldJob, settings: Settings) -> None:
        self._tracer = tracer
        self._job = job
        self._settings = settings

    def __enter__(self) -> None:
        from opentelemetry import context, propagate, trace

        job, body = self._job, self._job.body
        assert body is not None  # decoded before the handler is called
        sent_in = propagate.extract(body.headers)
        self._span = self._tracer.start_span(
            f"run {job.queue}",
            context=sent_in,
            kind=trace.SpanKind.CONSUMER,
            attributes=attributes(job.queue, body.handler)
            | {
                "messaging.message.id": job.id.decode(),
                "messaging.message.body.size": len(job.data),
                "flume.attempt": body.attempts + 1,
            },
        )
        active = trace.set_span_in_context(self._span, sent_in)
        self._token: Token[Context] = context.attach(active)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        from opentelemetry import context

        context.detach(self._token)
        ended, outcome = _outcome(self._job, error, self._settings())
        self._span.set_attribute("flume.outcome", outcome)
        # Retry and Discard steer, and a release is not the job's fault: no failures.
        is_failure = outcome in ("retried", "buried", "discarded")
        if ended is not None and is_failure and not isinstance(ended, Retry | Discard):
            tracing.record_error(self._span, ended)
        self._span.end()


def _outcome(
    job: HeldJob, error: BaseException | None, settings: PipelineSettings
) -> tuple[BaseException | None, str]:
    """Return the error that counts and what becomes of the job, as ``settler`` will decide."""
    is_cut_short = error is not None and not isinstance(error, Retry | Discard)
    if job.ending in ENDED and (job.is_settled or is_cut_short):
        return error, ENDED[job.ending]
    # An async handler ends by being cancelled; a sync one is told, and ends by whatever it raises.
    is_stopped = isinstance(error, asyncio.CancelledError) or (error and not job.handler.is_async)
    if job.ending == "timeout" and (is_stopped or job.is_settled):
        where = None if error is None else error.__traceback__
        error = JobTimeoutError(timeout=job.timeout_s).with_traceback(where)
    if error is None:
        return None, "completed"
    assert job.body is not None
    verdict = judge(
        job.body, error, defaults=job.handler.defaults, settings=settings, rng=Random(0)
    )
    if isinstance(verdict, Again):
        return error, "retried"
    return error, "discarded" if verdict.body is None else "buried"
