"""When a Pipeline is looked at again."""

from __future__ import annotations

from random import Random

import pytest

from flume_operator.looks import LOOKS_A_SECOND, SOON_S, Looks
from flume_operator.objects import Key

EMAIL = Key("shop", "email")


def waits(looks: Looks, count: int, *, known: int = 1) -> list[float]:
    """Return the waits of so many looks that find something moving, and nothing new."""
    return [
        looks.next_s(EMAIL, is_moving=True, has_changed=False, known=known) for _ in range(count)
    ]


def test_what_moves_is_looked_at_soon_and_what_never_arrives_ever_later() -> None:
    """Hundreds of pods without a worker, looked at each second, would leave no time for others."""
    assert waits(Looks(10.0), 6) == [1, 2, 4, 8, 10, 10]


def test_something_new_makes_the_next_look_a_soon_one() -> None:
    """Its workers acknowledge one after another, and the status follows each within a second."""
    looks = Looks(10.0)
    waits(looks, 4)

    assert looks.next_s(EMAIL, is_moving=True, has_changed=True, known=1) == SOON_S
    assert waits(looks, 1) == [2 * SOON_S]


def test_one_that_came_to_rest_begins_anew() -> None:
    """A change a day later is waited for as the first one was."""
    looks = Looks(10.0, rng=Random(1))
    waits(looks, 4)
    rest = looks.next_s(EMAIL, is_moving=False, has_changed=False, known=1)

    assert 8 <= rest <= 12
    assert waits(looks, 1) == [SOON_S]


def test_many_share_a_number_of_looks_a_second() -> None:
    """Two thousand Pipelines at rest must not cost twenty times what a hundred do."""
    rest = Looks(10.0).next_s(EMAIL, is_moving=False, has_changed=False, known=2000)

    assert rest == pytest.approx(2000 / LOOKS_A_SECOND, rel=0.2)
    assert waits(Looks(10.0), 9, known=2000)[-1] == 2000 / LOOKS_A_SECOND
