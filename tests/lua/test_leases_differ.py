"""Workers use leases of two lengths for a moment, while the settings change."""

from __future__ import annotations

from flume.commands import worker
from tests.support.rig import HOUR, LEASE_MS, SECOND, SILENCE_MS, Rig, Worker

SHORT_MS = SECOND


def beat(of: Worker, *, away: bool = False) -> bool:
    """Let a worker with the short lease beat; return whether something is to be reclaimed."""
    command = worker.beat(
        of.rig.keys, of.number, of.name, b"{}", lease_ms=SHORT_MS, away=away, settle_ms=0
    )
    return of.rig.run(command).reclaim


def reclaim(rig: Rig) -> int:
    """Reclaim as a worker with the short lease does; return how many were taken back."""
    command = worker.reclaim(
        rig.keys, rig.handlers, lease_ms=SHORT_MS, silence_ms=SILENCE_MS, max_crashes=2
    )
    return rig.run(command).seen


def test_a_shorter_lease_does_not_shorten_those_of_others(rig: Rig) -> None:
    """Its worker would take their deadlines for those of a clock that was set back, and run
    their jobs a second time.
    """
    rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    taken = ada.claim()
    score = rig.score(taken.ids[0])
    ada.beat()
    is_due = beat(bob)
    reclaim(rig)

    assert not is_due
    assert rig.score(taken.ids[0]) == score
    for _ in range(4):
        rig.move_clock(2 * SECOND)
        ada.beat()
        assert not beat(bob)
        assert reclaim(rig) == 0
    assert ada.complete(taken) == []


def test_who_was_away_keeps_others_from_reclaiming_for_the_longest_lease(rig: Rig) -> None:
    """Others that were away as well have until then to extend and to store what they finished."""
    rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim()
    beat(bob, away=True)

    hold = int(rig.fields(rig.keys.clock)["hold"])
    assert hold > rig.now_ms() + LEASE_MS - SECOND


def test_the_long_lease_is_forgotten_once_nobody_can_hold_one(rig: Rig) -> None:
    """A clock set back must not keep a dead worker's jobs for longer than leases are now."""
    rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim()
    for _ in range(LEASE_MS // SECOND + 1):
        rig.move_clock(SECOND)
        beat(bob)

    assert rig.fields(rig.keys.clock)["lease"] == b"%d" % SHORT_MS


def test_a_clock_set_back_does_not_make_the_long_lease_last(rig: Rig) -> None:
    """Until when it counts was written by the other clock."""
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.beat()
    rig.move_clock(-HOUR)
    beat(bob)

    ends = int(rig.fields(rig.keys.clock)["lease_until"])
    assert ends <= rig.now_ms() + LEASE_MS
