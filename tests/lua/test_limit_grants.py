"""Tokens of a rate limit: taken, given back, and what happens to them when things go wrong."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from flume.commands import limit
from flume.commands.client import Lane
from flume.commands.limit import AHEAD_MS, SLACK_MS, Definition, Grant
from flume.connection import SyncConnections
from flume.errors import ForeignDataError
from flume.keys import LimitKeys
from tests.support.garbage import VALUES
from tests.support.limiter import Limiter
from tests.support.missing import require
from tests.support.rig import HOUR, SECOND
from tests.support.servers import KINDS, Server, running_server

PERIOD = 6 * SECOND
OWN = Definition(100, PERIOD, 1)
LATER = PERIOD + SLACK_MS + 2 * 47
"""When all that was granted is free again: the window has left the slot, which is 47 ms long."""


@pytest.fixture
def limiter(connections: SyncConnections) -> Limiter:
    """Return a limit on each kind of server."""
    return Limiter(connections)


def test_all_that_is_allowed_may_go_at_once_and_the_next_a_period_later(limiter: Limiter) -> None:
    """A burst is no mistake; and the caller is told when it is worthwhile to come back."""
    first = limiter.reserve(150, OWN)
    limiter.now += first.wait_ms - 1
    early = limiter.reserve(1, OWN)
    limiter.now += 1
    then = limiter.reserve(150, OWN)

    assert first.count == 100
    assert PERIOD + SLACK_MS < first.wait_ms <= LATER
    assert (early.count, then.count) == (0, 100)


def ahead(limiter: Limiter, want: int, lane: Lane | None = None, own: Definition = OWN) -> Grant:
    """Take tokens for a caller that would rather wait with them than for them."""
    command = limit.reserve(
        limiter.keys, "orders", lane or limiter.lane(), want, own, ahead_ms=AHEAD_MS
    )
    return limiter.run(command)


def test_who_waits_with_tokens_has_them_before_their_slot_is_free(limiter: Limiter) -> None:
    """A late timer and a slow answer cost the limit nothing then."""
    limiter.reserve(100, OWN)
    limiter.now += limiter.reserve(1, OWN).wait_ms - AHEAD_MS + 5
    without = limiter.reserve(100, OWN)
    grant = ahead(limiter, 100)

    assert (without.count, without.wait_ms) == (0, AHEAD_MS - 5)
    assert (grant.count, grant.lead_ms, grant.at_ms) == (
        100,
        AHEAD_MS - 5,
        limiter.now + AHEAD_MS - 5,
    )


def test_who_comes_while_others_wait_with_tokens_waits_as_long(limiter: Limiter) -> None:
    """Tokens of one slot come free at one moment, whoever asked first."""
    limiter.reserve(100, OWN)
    limiter.now += limiter.reserve(1, OWN).wait_ms - 20
    first = ahead(limiter, 60)
    limiter.now += 5
    second = limiter.reserve(60, OWN)
    limiter.now += 15
    third = limiter.reserve(60, OWN)

    assert (first.count, first.lead_ms) == (60, 20)
    assert (second.count, second.lead_ms) == (40, 15)
    assert (third.count, third.lead_ms) == (0, 0)


def test_who_waits_for_a_later_slot_waits_longer(limiter: Limiter) -> None:
    """Each slot's tokens may be used from the moment when it comes free, and no earlier."""
    own = Definition(20, SECOND, 1)
    for _ in range(2):
        limiter.reserve(10, own)
        limiter.now += 8  # ms of a slot
    limiter.now += limiter.reserve(1, own).wait_ms - 10
    first = ahead(limiter, 10, own=own)
    limiter.now += 2
    second = ahead(limiter, 10, own=own)

    assert (first.count, first.lead_ms) == (10, 10)
    assert (second.count, second.lead_ms) == (10, 16)


def test_tokens_that_are_free_are_waited_with_by_nobody(limiter: Limiter) -> None:
    """A limit that does not bind costs no time."""
    limiter.reserve(60, OWN)
    grant = ahead(limiter, 100)

    assert (grant.count, grant.lead_ms) == (40, 0)


def test_who_waits_with_tokens_is_told_to_come_earlier(limiter: Limiter) -> None:
    """Early enough to be granted those of the first slot that comes free."""
    limiter.reserve(100, OWN)
    due_ms = limiter.reserve(1, OWN).wait_ms
    told = ahead(limiter, 1)
    limiter.now += told.wait_ms
    grant = ahead(limiter, 1)

    assert due_ms - AHEAD_MS < told.wait_ms < due_ms
    assert (grant.count, grant.lead_ms) == (1, due_ms - told.wait_ms)


def test_a_grant_that_is_told_again_begins_when_it_did(limiter: Limiter) -> None:
    """Its reply was lost, and time has passed."""
    limiter.reserve(100, OWN)
    limiter.now += limiter.reserve(1, OWN).wait_ms - 20
    lane = limiter.lane()
    first = ahead(limiter, 10, lane)
    limiter.now += 8
    again = ahead(limiter, 10, lane)

    assert (again.count, again.slot, again.at_ms) == (10, first.slot, first.at_ms)
    assert (first.lead_ms, again.lead_ms) == (20, 12)


def test_what_came_back_is_taken_again(limiter: Limiter) -> None:
    """A claim finds fewer jobs than were hoped for."""
    grant = limiter.reserve(100, OWN)

    assert limiter.refund(grant, 30) == 30
    assert limiter.reserve(100, OWN).count == 30


def test_no_more_comes_back_than_was_taken(limiter: Limiter) -> None:
    """A slot below zero would allow more than the limit for a whole window."""
    grant = limiter.reserve(10, OWN)
    limiter.now += SECOND
    limiter.reserve(90, OWN)

    assert limiter.refund(grant, -5) == 0
    assert limiter.refund(grant, 10**9) == 10
    assert limiter.reserve(100, OWN).count == 10


def test_what_the_window_left_behind_does_not_come_back(limiter: Limiter) -> None:
    """It is free already: it would be counted twice."""
    grant = limiter.reserve(10, OWN)
    limiter.now += LATER
    limiter.reserve(60, OWN)

    assert limiter.refund(grant, 10) == 0
    assert limiter.reserve(100, OWN).count == 40


def test_a_changed_count_binds_at_once(limiter: Limiter) -> None:
    """Both ways; what was granted in the window counts against the new one."""
    limiter.reserve(60, OWN)
    less = limiter.reserve(100, Definition(50, PERIOD, 2))
    more = limiter.reserve(100, Definition(80, PERIOD, 3))

    assert less.count == 0
    assert less.wait_ms <= LATER
    assert more.count == 20


def test_a_new_period_counts_all_of_the_window_as_granted_now(limiter: Limiter) -> None:
    """It is not known any more when it was; later than it was is safe."""
    grant = limiter.reserve(60, OWN)
    limiter.now += PERIOD - SECOND
    after = limiter.reserve(100, Definition(100, SECOND, 2))
    limiter.now += SECOND

    assert after.count == 40
    assert limiter.refund(grant, 60) == 0
    assert limiter.reserve(1, Definition(100, SECOND, 2)).count == 0


def test_only_whole_batches_are_granted(limiter: Limiter) -> None:
    """Where the limit is smaller than a batch, as much as it has: or nothing would ever run."""
    assert limiter.reserve(95, OWN, step=30).count == 90
    limiter.now += LATER
    assert limiter.reserve(500, OWN, step=500).count == 100


def test_who_asks_twice_keeps_its_place(limiter: Limiter) -> None:
    """A caller that is woken by something else must not go to the end of those that wait."""
    limiter.reserve(100, OWN)
    told = [
        limiter.run(limit.reserve(limiter.keys, "orders", Lane("ada", number), 60, OWN)).wait_ms
        for number in range(1, 6)
    ]

    assert len({*told}) == 1


@pytest.mark.parametrize("ms", [-HOUR, -1500, -1])
def test_a_clock_set_back_stops_the_limit_for_no_longer_than_the_step_took(
    limiter: Limiter, ms: int
) -> None:
    """Grants do not come free sooner, nor an hour later."""
    limiter.reserve(100, OWN)
    limiter.now += ms
    at_once = limiter.reserve(1, OWN)
    limiter.now += at_once.wait_ms

    assert at_once.count == 0
    assert at_once.wait_ms <= LATER
    assert limiter.reserve(100, OWN).count == 100


def test_a_clock_set_ahead_is_time_that_passes_and_is_not_saved_up(limiter: Limiter) -> None:
    """One window's worth is free, however far the step; setting it back frees nothing more."""
    limiter.reserve(100, OWN)
    limiter.now += 24 * HOUR
    assert limiter.reserve(10**6, OWN).count == 100
    limiter.now -= 24 * HOUR
    assert limiter.reserve(10**6, OWN).count == 0


def test_lost_keys_begin_a_new_window(limiter: Limiter) -> None:
    """The reserve itself says what holds; a grant of before does not come back into it."""
    grant = limiter.reserve(100, OWN)
    limiter.connections.call("FLUSHALL")
    limiter.now += 1

    assert limiter.reserve(100, OWN).count == 100
    assert limiter.refund(grant, 50) == 0


def test_garbage_begins_a_new_window(limiter: Limiter) -> None:
    """Also where it has our length and our first letters; never more than the limit is granted."""
    rng = Random(3)
    keys = limiter.keys
    limiter.reserve(10, OWN)
    ring = limiter.connections.call("GET", keys.ring)
    caller = limiter.connections.call("HGET", keys.callers, "orders")
    rings = [*VALUES, *(ring[:4] + rng.randbytes(len(ring) - 4) for _ in range(50)), ring[:-1]]
    rings += [ring[:4] + bytes(len(ring) - 4), ring[:4] + b"\xff" * (len(ring) - 4)]
    callers = [*VALUES, *(rng.randbytes(len(caller)) for _ in range(50)), caller[:-6]]
    callers += [bytes(len(caller)), b"\xff" * len(caller)]
    for place in range(max(len(rings), len(callers))):
        limiter.connections.call("SET", keys.ring, rings[place % len(rings)])
        for queue in ("orders", "emails"):
            limiter.connections.call("HSET", keys.callers, queue, callers[place % len(callers)])
        grant = limiter.reserve(1000, OWN)
        limiter.refund(grant, 1)
        limiter.now += LATER + SECOND

        assert grant.count <= grant.in_force.count, place
        assert limiter.reserve(1000, Definition(100, PERIOD, 2**49)).in_force.count <= 100


@pytest.mark.parametrize("name", ["ring", "callers", "senders"])
def test_a_key_of_another_type_is_named(limiter: Limiter, name: str) -> None:
    """Whoever shares our Redis by mistake gets told which key it is about."""
    key = getattr(limiter.keys, name)
    limiter.connections.call("SADD", key, "foreign")
    command = limit.reserve(limiter.keys, "orders", limiter.lane(), 1, OWN)

    with pytest.raises(ForeignDataError, match="is a set, and Flume keeps a"):
        limiter.connections.run(command)


def test_a_full_memory_stops_no_queue(limiter: Limiter, server: Server) -> None:
    """Contract 14: jobs that are there are run, and within the limit."""
    server.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.call("CONFIG", "SET", "maxmemory", 1)
    try:
        grant = limiter.reserve(70, OWN)
        assert limiter.refund(grant, 20) == 20
        assert limiter.reserve(100, OWN).count == 50
        assert limiter.define(Definition(120, PERIOD, 2)).count == 120
    finally:
        server.call("CONFIG", "SET", "maxmemory", 0)


@pytest.mark.server
@pytest.mark.parametrize("kind", KINDS)
def test_a_restart_changes_nothing(kind: str, tmp_path: Path) -> None:
    """Redis keeps what was granted; its file must have it too, byte by byte."""
    require(kind)
    with running_server(kind, tmp_path, "--appendonly", "yes", "--appendfsync", "always") as server:
        connections = SyncConnections(server.url)
        limiter = Limiter(connections)
        grant = limiter.reserve(70, OWN)
        limiter.refund(grant, 10)
        asking = limit.reserve(limiter.keys, "orders", limiter.lane(), 15, OWN)
        before = limiter.run(asking)
        server.kill()
        server.start()
        connections.close()
        connections = limiter.connections = SyncConnections(server.url)

        assert limiter.run(asking) == before
        assert limiter.reserve(100, OWN).count == 25
        connections.close()


def test_a_limit_stays_small(limiter: Limiter) -> None:
    """Eight queues with a hundred callers, and a grant in each slot, at the highest counts."""
    own = Definition(10**9, PERIOD, 1)
    for number in range(1, 1400):
        lane = Lane(f"{number % 100:016x}", number)
        queue = f"queue-with-a-name-{number % 8}"
        limiter.run(limit.reserve(limiter.keys, queue, lane, 5_000_000, own))
        limiter.now += 5

    assert limiter.memory() < 16 * 1024


def test_there_is_a_bound_to_the_lanes_that_are_remembered(limiter: Limiter) -> None:
    """Beyond it a refund is dropped, for it could be applied twice; silent lanes make room."""
    own = Definition(10**6, PERIOD, 1)
    grants = [limiter.reserve(1, own) for _ in range(1010)]
    assert limiter.connections.call("HLEN", limiter.keys.senders) == 1000
    assert limiter.refund(grants[0], 1) == 0
    limiter.now += HOUR // 2
    for _ in range(400):
        limiter.reserve(1, own)

    assert limiter.connections.call("HLEN", limiter.keys.senders) < 500


def test_a_limit_that_nobody_uses_goes_away(connections: SyncConnections) -> None:
    """A queue that was deleted must leave nothing behind for ever."""
    keys = LimitKeys("gone")
    connections.run(limit.reserve(keys, "orders", Lane("ada", 1), 1, OWN))

    for key in (keys.ring, keys.callers, keys.senders):
        assert HOUR < connections.call("PTTL", key) <= 3 * HOUR
