"""What becomes of a failed job, without a worker and without Redis."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from flume import Discard, Options, Retry
from flume.codec import Body, decode, encode
from flume.pipeline import PipelineSettings
from flume.runtime.verdict import (
    ERROR_CHARACTERS,
    Again,
    Given,
    Verdict,
    explain,
    judge,
    time_limit,
)

SETTINGS = PipelineSettings("orders", max_retries=2, backoff_initial_s=8.0, backoff_max_s=20.0)


def verdict(
    error: BaseException, body: Body | None = None, defaults: Options | None = None
) -> Verdict:
    """Return the verdict for a job's body under ``SETTINGS``."""
    return judge(
        body or Body("send"),
        error,
        defaults=defaults or Options(),
        settings=SETTINGS,
        rng=Random(1),
    )


def test_a_failure_is_charged_and_waits_for_the_back_off() -> None:
    """The body that is stored counts the attempt and keeps the error."""
    found = verdict(ValueError("no"))

    assert isinstance(found, Again)
    assert 4.0 <= found.after_s <= 8.0
    assert found.body.attempts == 1
    assert found.body.error == "ValueError: no"


def test_the_back_off_doubles_up_to_its_maximum() -> None:
    """A vendor that is down for an hour is not asked every few seconds."""
    waits = []
    for attempts in range(2):
        found = verdict(ValueError(), Body("send", attempts=attempts))
        assert isinstance(found, Again)
        waits.append(found.after_s)
    last = verdict(ValueError(), Body("send", attempts=5, max_retries=9))

    assert 4 <= waits[0] <= 8 <= waits[1] <= 16
    assert isinstance(last, Again)
    assert 10 <= last.after_s <= 20


def test_the_run_after_the_last_retry_buries_the_job() -> None:
    """max_retries: 2 is at most three runs."""
    assert isinstance(verdict(ValueError(), Body("send", attempts=1)), Again)
    assert isinstance(verdict(ValueError(), Body("send", attempts=2)), Given)


def test_an_asked_for_retry_is_charged_too() -> None:
    """Otherwise a handler could go on for ever."""
    patient = verdict(Retry(after=timedelta(minutes=5)))
    spent = verdict(Retry(after=timedelta(minutes=5)), Body("send", attempts=2))

    assert isinstance(patient, Again)
    assert patient.after_s == 300
    assert isinstance(spent, Given)
    assert spent.body is not None


def test_discard_drops_unless_it_buries() -> None:
    """A dropped job leaves nothing; a buried one keeps its reason."""
    dropped, buried = verdict(Discard("old")), verdict(Discard("old", bury=True))

    assert dropped == Given(None)
    assert isinstance(buried, Given)
    assert buried.body is not None
    assert buried.body.error == "Discard: old"


@pytest.mark.parametrize(
    ("body", "defaults", "expected"),
    [
        (Body("send", timeout_s=1.0), Options(timeout=timedelta(seconds=2)), 1.0),
        (Body("send"), Options(timeout=timedelta(seconds=2)), 2.0),
        (Body("send"), Options(), 600.0),
    ],
)
def test_the_job_counts_before_the_handler_before_the_pipeline(
    body: Body, defaults: Options, expected: float
) -> None:
    """The order in which options are looked for, here for the timeout."""
    assert time_limit(body, defaults, SETTINGS) == expected


def test_no_retries_for_a_job_is_not_the_same_as_none_given() -> None:
    """Zero is a choice; only None leaves it to others."""
    assert isinstance(verdict(ValueError(), Body("send", max_retries=0)), Given)


def test_a_kept_error_is_bounded_and_encodable() -> None:
    """A flood of text or a lone surrogate must not make the outcome impossible to store."""
    long = explain(ValueError("x" * 100_000))
    odd = explain(ValueError("\udc80"))

    assert len(long) <= ERROR_CHARACTERS
    assert decode(encode(Body("send", error=odd))).error == "ValueError: ?"


def test_a_kept_error_says_where_it_came_from() -> None:
    """The innermost frames are what one looks for."""
    try:
        raise ValueError("no")
    except ValueError as error:
        text = explain(error)

    assert "test_verdict.py" in text
