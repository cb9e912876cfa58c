"""How long a failed job waits before it runs again."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flume.backoff import retry_delay

seconds = st.floats(min_value=0.001, max_value=1e6)
attempts = st.integers(min_value=1, max_value=10_000)
rngs = st.randoms(use_true_random=False)


@given(attempts, seconds, seconds, rngs)
def test_a_delay_is_between_half_of_its_bound_and_its_bound(
    attempt: int, initial: float, maximum: float, rng: Random
) -> None:
    """Above it a job would be later than its pipeline allows, below it jobs come in bursts."""
    bound = min(maximum, initial * 2 ** min(attempt - 1, 100))
    delay = retry_delay(attempt, initial=initial, maximum=maximum, rng=rng)

    assert delay <= maximum
    assert bound / 2 <= delay <= bound or bound > 2**32 * initial


def test_delays_double_until_the_maximum() -> None:
    """The first runs come soon, for a short outage; the later ones spare what is down."""

    class Highest(Random):
        """Draws the upper bound."""

        def uniform(self, a: float, b: float) -> float:
            return b

    delays = [retry_delay(n, initial=1, maximum=20, rng=Highest()) for n in range(1, 8)]

    assert delays == [1, 2, 4, 8, 16, 20, 20]


@pytest.mark.parametrize("attempt", [1, 33, 34, 1001, 10**9])
def test_no_number_of_attempts_overflows(attempt: int) -> None:
    """`max_retries` goes up to 1000, and 2.0 ** 1100 is an OverflowError."""
    assert 300 <= retry_delay(attempt, initial=600, maximum=600, rng=Random(1)) <= 600


def test_jobs_that_failed_together_do_not_return_together() -> None:
    """A thousand jobs that a vendor's outage failed must not meet it again at one moment."""
    rng = Random(1)
    delays = [retry_delay(4, initial=1, maximum=600, rng=rng) for _ in range(1000)]
    by_second = [sum(second <= delay < second + 1 for delay in delays) for second in range(4, 8)]

    assert sum(by_second) == 1000
    assert min(by_second) > 200


def test_a_seed_makes_delays_repeatable() -> None:
    """The source of the draw is passed in, so that a test can say what comes."""
    first = [retry_delay(3, initial=1, maximum=60, rng=Random(7)) for _ in range(3)]

    assert len(set(first)) == 1


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_count_from_one(attempt: int) -> None:
    """Counted from 0, every wait would be half of what was configured, and nobody would see."""
    with pytest.raises(ValueError, match=f"counts from 1, got {attempt}"):
        retry_delay(attempt, initial=1, maximum=1, rng=Random(1))
