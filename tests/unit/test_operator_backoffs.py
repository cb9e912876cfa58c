"""How long the operator's watch waits for an API server: without an end."""

from __future__ import annotations

from itertools import islice

from flume_operator.watch import Backoffs


def test_the_waits_of_the_watch_never_end_and_begin_anew_each_time() -> None:
    """kopf ends itself once they are used up: 54 s of an outage would restart every operator."""
    backoffs = Backoffs()
    first, second = list(islice(backoffs, 1000)), list(islice(backoffs, 1000))

    assert len(first) == 1000
    assert first == second
    assert first[0] < 1
    assert max(first) < 10
