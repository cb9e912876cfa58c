"""Spans of batches: one for each call of a handler, with a link to the trace of each job.

A batch has jobs of many traces, so that its span belongs to none of them.
"""

from __future__ import annotations

import contextlib
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from flume import tracing
from flume.batch import Batch, ending_of
from flume.errors import JobTimeoutError
from flume.handler import Handler
from flume.outcome import Discard, Retry
from flume.runtime.spans import ENDED, around, attributes

if TYPE_CHECKING:
    from opentelemetry.trace import Link, Tracer


def trace_batches(
    handler: Handler[..., Any], tracer: Tracer, queue: Callable[[], str]
) -> Handler[..., Any]:
    """Return a batch handler each call of which makes a span."""
    return around(handler, lambda batch: _running(tracer, queue(), handler.name, batch))


@contextlib.contextmanager
def _running(tracer: Tracer, queue: str, handler: str, batch: Batch[Any]) -> Iterator[None]:
    """Keep a span open, and active, while a handler runs."""
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind, use_span

    span = tracer.start_span(
        f"run {queue}",
        context=Context(),
        kind=SpanKind.CONSUMER,
        links=_links(batch),
        attributes=attributes(queue, handler) | {"messaging.batch.message_count": len(batch)},
    )
    outcome, failure = "completed", None
    try:
        with use_span(span, record_exception=False, set_status_on_exception=False):
            yield
    except BaseException as error:
        outcome, failure = _outcome(error, ending_of(batch))
        raise
    finally:
        span.set_attribute("flume.outcome", outcome)
        if failure is not None:
            tracing.record_error(span, failure)
        span.end()


def _outcome(error: BaseException, ending: str) -> tuple[str, BaseException | None]:
    """Return what became of a batch whose handler raised, and the error where it is one."""
    if ending in ENDED:
        return ENDED[ending], None
    if ending == "timeout" and isinstance(error, CancelledError):
        late = JobTimeoutError(timeout=0)  # only its class is told
        return "failed", late.with_traceback(error.__traceback__)
    return "failed", None if isinstance(error, Retry | Discard) else error


def _links(batch: Batch[Any]) -> list[Link]:
    from opentelemetry.propagate import extract
    from opentelemetry.trace import Link, get_current_span

    sent_in = (get_current_span(extract(job.headers)).get_span_context() for job in batch)
    return [Link(context) for context in sent_in if context.is_valid]
