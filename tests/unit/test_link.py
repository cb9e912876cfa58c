"""A worker says once why Redis refuses it, however many of its parts are refused."""

from __future__ import annotations

from random import Random

from flume.connection import AsyncConnections
from flume.errors import ServerRefusedError
from flume.runtime.link import Link

NO_RIGHT = ServerRefusedError("no right")


def test_a_reason_is_new_once_until_no_part_meets_it_any_more() -> None:
    """A worker with async and sync handlers has two lanes, and each line was there twice."""
    link = Link("orders", AsyncConnections("redis://127.0.0.1:1/0"), rng=Random(1))
    first = [link.refused("a", NO_RIGHT), link.refused("b", NO_RIGHT), link.refused("a", NO_RIGHT)]
    other = link.refused("a", ServerRefusedError("another"))
    link.accepted("a")
    still = link.refused("a", NO_RIGHT)
    for part in ("a", "b"):
        link.accepted(part)

    assert first == [True, False, False]
    assert other
    assert not still
    assert link.refused("a", NO_RIGHT)
