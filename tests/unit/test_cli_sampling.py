"""Jobs a second from counters."""

from __future__ import annotations

from collections import deque

import pytest

from flume.cli.sampling import Rates, Sampler, chart, per_second, rates


def test_rates_are_what_counters_rose_by_a_second() -> None:
    """Scheduling hands a job in as well, and a discarded job is done."""
    before = {"enqueued": 10, "completed": 5, "retried": 1}
    after = {"enqueued": 30, "scheduled": 4, "completed": 25, "discarded": 2, "retried": 2}

    assert rates(before, after, 2.0) == Rates(12.0, 11.0, 0.5, 0.0)


def test_counters_that_were_set_back_do_not_show_as_negative() -> None:
    """Someone may have flushed the database between two readings."""
    assert rates({"completed": 50}, {"completed": 3}, 1.0) == Rates()


def test_the_first_sample_has_no_rates() -> None:
    """A counter since the queue began says nothing about this second."""
    sampler = Sampler()

    assert sampler.add(1.0, {"email": {"completed": 100}}) == {}
    assert sampler.add(3.0, {"email": {"completed": 300}})["email"].done == 100.0
    assert list(sampler.done) == [100.0]


def test_a_queue_that_appears_counts_from_its_first_job() -> None:
    """Its counters began after the last sample."""
    sampler = Sampler()
    sampler.add(1.0, {})

    assert sampler.add(2.0, {"new": {"enqueued": 7}})["new"].handed_in == 7.0


def test_the_chart_is_as_high_as_its_highest_value() -> None:
    """Its shape is the information; the number stands beside it."""
    assert chart(deque([0.0, 5.0, 10.0])) == "▁▅█"
    assert chart(deque([0.0, 0.0])) == "▁▁"
    assert chart(deque()) == ""


@pytest.mark.parametrize(
    ("rate", "text"), [(0, "0"), (0.44, "0.4"), (3, "3"), (12_345.6, "12,346")]
)
def test_a_rate_has_as_many_digits_as_it_needs(rate: float, text: str) -> None:
    """One job every three seconds is not none."""
    assert per_second(rate) == text
