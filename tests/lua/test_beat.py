"""beat: a worker says that it lives, and hears what is due."""

from __future__ import annotations

from flume.commands import worker
from tests.support.rig import LEASE_MS, MINUTE, SECOND, Rig


def test_a_beat_renews_the_workers_record(rig: Rig) -> None:
    """People see when it was last heard of, and others see that it lives."""
    ada = rig.worker()
    rig.move_clock(MINUTE)
    beat = worker.beat(
        rig.keys, ada.number, "ada", b'{"pid":1}', lease_ms=LEASE_MS, away=False, settle_ms=0
    )

    assert rig.run(beat).is_registered
    record = rig.fields(rig.keys.workers)[str(ada.number)]
    seen, name, rest = record.split(b" ")
    assert abs(int(seen) - rig.now_ms()) < SECOND
    assert (name, rest) == (b"ada", b'{"pid":1}')


def test_a_worker_whose_number_is_anothers_must_register_again(rig: Rig) -> None:
    """It was away for so long that its number was given to somebody else."""
    ada = rig.worker()
    rig.call("HDEL", rig.keys.workers, ada.number)
    assert not ada.beat().is_registered
    rig.call("HSET", rig.keys.workers, ada.number, f"{rig.now_ms()} bob {{}}")
    before = rig.dump()

    assert not ada.beat().is_registered
    assert rig.dump() == before


def test_a_record_that_holds_garbage_is_as_good_as_none(rig: Rig) -> None:
    """The worker registers again, and goes on."""
    ada = rig.worker()
    rig.call("HSET", rig.keys.workers, ada.number, b"\xff ada")

    assert not ada.beat().is_registered


def test_nothing_is_due_at_rest(rig: Rig) -> None:
    """An idle worker makes no other call."""
    ada = rig.worker()
    rig.enqueue()
    rig.schedule(wait_ms=MINUTE)
    ada.claim()
    beat = ada.beat()

    assert (beat.promote, beat.reclaim, beat.prune) == (False, False, False)


def test_a_due_job_is_to_be_promoted(rig: Rig) -> None:
    """Scheduled or retrying, whichever comes first."""
    ada = rig.worker()
    rig.schedule(wait_ms=MINUTE)
    assert not ada.beat().promote
    rig.move_clock(2 * MINUTE)
    assert ada.beat().promote
    rig.promote()
    assert not ada.beat().promote
    ada.retry(ada.claim(), wait_ms=MINUTE)
    rig.move_clock(2 * MINUTE)
    assert ada.beat().promote


def test_an_expired_lease_is_to_be_reclaimed(rig: Rig) -> None:
    """By whichever worker beats first."""
    ada, bob = rig.worker("ada"), rig.worker("bob")
    rig.enqueue()
    ada.claim()
    for _ in range(3):
        rig.move_clock(LEASE_MS // 3 - SECOND)
        assert not bob.beat().reclaim
    rig.move_clock(5 * SECOND)

    assert bob.beat().reclaim


def test_pruning_is_due_every_ten_seconds_whoever_beats(rig: Rig) -> None:
    """Once for all workers, not once for each."""
    ada, bob = rig.worker("ada"), rig.worker("bob")
    rig.move_clock(11 * SECOND)

    assert [ada.beat().prune, bob.beat().prune, ada.beat().prune] == [True, False, False]


def test_a_beat_tells_what_has_changed(rig: Rig) -> None:
    """New settings and new handler names are noticed within a beat."""
    ada = rig.worker()
    first = ada.beat()
    rig.configure()
    rig.enqueue(1, "send")
    rig.enqueue(1, "fax")
    second = ada.beat()

    assert (first.settings, first.handlers) == (b"  ", 0)
    assert (second.settings, second.handlers) == (b"1 uid-of-tests 1", 2)
