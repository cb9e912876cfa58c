"""Why a part cannot go on is said once, and again where it comes back."""

from __future__ import annotations

import pytest

from flume.runtime.reasons import Reasons

FULL, FOREIGN = OSError("memory is full"), OSError("a key of another type")


@pytest.fixture
def reasons() -> Reasons:
    """Return those of a worker of which nothing was said."""
    return Reasons()


def test_each_try_that_fails_alike_is_silent(reasons: Reasons) -> None:
    """Two beats a second would fill a log with one line."""
    assert [reasons.is_new(FULL) for _ in range(3)] == [True, False, False]


def test_another_reason_is_said_and_so_is_the_first_when_it_comes_back(reasons: Reasons) -> None:
    """Who reads the log sees what is wrong now."""
    assert [reasons.is_new(error) for error in (FULL, FOREIGN, FULL)] == [True, True, True]


def test_a_reason_that_was_over_is_said_again(reasons: Reasons) -> None:
    """It is another event, hours later perhaps."""
    reasons.is_new(FULL)
    reasons.over()

    assert reasons.is_new(FULL)


def test_a_part_that_goes_on_leaves_what_others_said(reasons: Reasons) -> None:
    """One lane of two may still be refused, and has said so."""
    reasons.is_new(FULL, "async")
    reasons.is_new(FULL, "sync")
    reasons.over("async")

    assert not reasons.is_new(FULL, "async")
