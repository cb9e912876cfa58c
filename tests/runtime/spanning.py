"""What an app would send to its tracing backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind


class Spans:
    """What has been recorded."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def of(self, kind: SpanKind) -> list[ReadableSpan]:
        """Return the ended spans of one kind, in the order of their ends."""
        return [span for span in self._exporter.get_finished_spans() if span.kind is kind]

    @property
    def enqueues(self) -> list[ReadableSpan]:
        """Those of enqueues."""
        return self.of(SpanKind.PRODUCER)

    @property
    def runs(self) -> list[ReadableSpan]:
        """Those of runs."""
        return self.of(SpanKind.CONSUMER)

    def text(self) -> str:
        """Return everything that an exporter would send."""
        return "\n".join(span.to_json() for span in self._exporter.get_finished_spans())


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """Return the attributes of a span."""
    return dict(span.attributes or {})


def outcomes(runs: Sequence[ReadableSpan]) -> list[str]:
    """Return what became of each run."""
    return [attributes(run)["flume.outcome"] for run in runs]
