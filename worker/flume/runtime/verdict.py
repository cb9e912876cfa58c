"""What becomes of a job whose handler did not return: retried, buried or dropped.  Pure."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TypeVar

import msgspec

from flume.backoff import retry_delay
from flume.codec import Body
from flume.options import Options
from flume.outcome import Discard, Retry
from flume.pipeline import PipelineSettings

T = TypeVar("T")

ERROR_CHARACTERS = 4000
"""Of an error kept with its job: its message and the innermost frames fit, a flood does not."""


@dataclass(frozen=True, slots=True)
class Again:
    """Run it again after ``after_s``; ``body`` counts the attempt and keeps the error."""

    after_s: float
    body: Body


@dataclass(frozen=True, slots=True)
class Given:
    """Give it up: bury it with ``body``, or drop it where that is None."""

    body: Body | None


Verdict = Again | Given


def judge(
    body: Body,
    error: BaseException,
    *,
    defaults: Options,
    settings: PipelineSettings,
    rng: Random,
) -> Verdict:
    """Return what becomes of a job that ended with ``error``.

    Options of the job count before those of its handler, and these before the pipeline's.
    """
    if isinstance(error, Discard) and not error.bury:
        return Given(None)
    attempt = body.attempts + 1
    failed = msgspec.structs.replace(body, attempts=attempt, error=explain(error))
    most = _first(body.max_retries, defaults.max_retries, settings.max_retries)
    if isinstance(error, Discard) or attempt > most:
        return Given(failed)
    if isinstance(error, Retry) and error.after is not None:
        return Again(error.after.total_seconds(), failed)
    initial = _first(
        body.backoff_initial_s, _s(defaults.backoff_initial), settings.backoff_initial_s
    )
    maximum = _first(body.backoff_max_s, _s(defaults.backoff_max), settings.backoff_max_s)
    return Again(retry_delay(attempt, initial=initial, maximum=maximum, rng=rng), failed)


def time_limit(body: Body, defaults: Options, settings: PipelineSettings) -> float:
    """Return the longest run of a job, in s."""
    return _first(body.timeout_s, _s(defaults.timeout), settings.timeout_s)


def explain(error: BaseException) -> str:
    """Return an error for people: its type and message, and where it came from."""
    if isinstance(error, Retry | Discard):
        return f"{type(error).__name__}: {error.reason}"[:ERROR_CHARACTERS]
    head = "".join(traceback.format_exception_only(error)).strip()
    frames = "".join(traceback.format_tb(error.__traceback__)[-5:])
    shown = f"{head}\n{frames}".strip()[:ERROR_CHARACTERS]
    return shown.encode(errors="replace").decode()  # a lone surrogate would not encode


def _first(first: T | None, second: T | None, last: T) -> T:
    if first is not None:
        return first
    return last if second is None else second


def _s(value: timedelta | None) -> float | None:
    return None if value is None else value.total_seconds()
