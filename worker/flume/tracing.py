"""OpenTelemetry where the app has set it up: a span for each enqueue, whose context goes along.

Names and attributes follow the semantic conventions for messaging; ``docs/reference/tracing.md``
lists them.  The worker's half is in ``flume.runtime.tracing``.
Nothing here imports OpenTelemetry: an app that has set it up has loaded it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from flume.job import Job

SYSTEM = "flume"
"""Of ``messaging.system``, and the name of the tracer."""

_NAMED = bool(os.environ.get("OTEL_PYTHON_TRACER_PROVIDER"))
"""A provider that OpenTelemetry sets up by itself when it is first asked."""
_NOTHING: AbstractContextManager[None] = contextlib.nullcontext()


def tracer() -> Tracer | None:
    """Return the tracer, or None where nobody has set OpenTelemetry up."""
    api: Any = sys.modules.get("opentelemetry.trace")
    # The second look is a short cut past the third, for every enqueue comes by: private, so it
    # may go, and then the long way answers.
    if api is None or (getattr(api, "_TRACER_PROVIDER", api) is None and not _NAMED):
        return None
    try:
        provider = api.get_tracer_provider()
        # The API's own providers record nothing: they stand for one that was not set.
        if isinstance(provider, api.ProxyTracerProvider | api.NoOpTracerProvider):
            return None
    except AttributeError:  # another thread is importing it right now
        return None
    return _tracer_of(provider)


@functools.lru_cache(maxsize=1)  # making one takes longer than a span
def _tracer_of(provider: TracerProvider) -> Tracer:
    from flume import __version__

    return provider.get_tracer(SYSTEM, __version__)


def enqueuing(queue: str, jobs: Sequence[Job]) -> AbstractContextManager[None]:
    """Return a context to hand in ``jobs`` in: a span, where somebody listens.

    On entry the span's context is put in the headers of those jobs that carry none yet, so that
    it has to be entered before they are encoded.
    """
    found = tracer()
    return _NOTHING if found is None or not jobs else _enqueuing(found, queue, jobs)


@contextlib.contextmanager
def _enqueuing(tracer: Tracer, queue: str, jobs: Sequence[Job]) -> Iterator[None]:
    from opentelemetry.trace import SpanKind, use_span

    attributes: dict[str, Any] = {
        "messaging.system": SYSTEM,
        "messaging.operation.name": "enqueue",
        "messaging.operation.type": "send",
        "messaging.destination.name": queue,
    }
    if len(jobs) == 1:
        attributes["messaging.message.id"] = jobs[0].id
        attributes["flume.handler"] = jobs[0].handler
    else:
        attributes["messaging.batch.message_count"] = len(jobs)
    span = tracer.start_span(f"enqueue {queue}", kind=SpanKind.PRODUCER, attributes=attributes)
    try:
        with use_span(span, record_exception=False, set_status_on_exception=False):
            _inject(jobs)
            yield
    except BaseException as error:
        record_error(span, error)
        raise
    finally:
        span.end()


def _inject(jobs: Sequence[Job]) -> None:
    """Put the current context in the jobs' headers.

    Not where there is one: the caller has chosen it, or the job was sent before and is the same
    job only with the same headers.
    """
    from opentelemetry.propagate import get_global_textmap

    propagator = get_global_textmap()
    carrier: dict[str, str] = {}
    propagator.inject(carrier)
    fields = propagator.fields
    for job in jobs:
        headers = job.body.headers
        if job.in_doubt is None and not (headers and fields.intersection(headers)):
            headers.update(carrier)


def record_error(span: Span, error: BaseException) -> None:
    """Mark a span as failed: type and place of the error, not its text.

    The text may hold what the job was about.  It is kept with the job.
    """
    from opentelemetry.trace import Status, StatusCode

    from flume.origin import frames_of, name_of, place_of

    name = name_of(error)
    span.set_attribute("error.type", name)
    attributes = {"exception.type": name, "exception.stacktrace": frames_of(error)}
    span.add_event("exception", attributes)
    span.set_status(Status(StatusCode.ERROR, f"{name} at {place_of(error) or 'an unknown place'}"))
