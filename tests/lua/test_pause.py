"""pause, resume and adopt: sources that are held apart, and that hold together."""

from __future__ import annotations

import pytest

from flume.commands import pausing, worker
from flume.commands.pausing import change_number, worker_source
from tests.support.garbage import VALUES
from tests.support.rig import HOUR, MINUTE, Rig

SOURCES = ("spec", "client", "all", worker_source("ada"))


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_alone_stops_claims(rig: Rig, source: str) -> None:
    """They are OR-ed."""
    rig.enqueue()
    ada = rig.worker("ada")
    rig.pause(source)

    assert ada.claim().claimed.paused_ms == -1
    rig.resume(source)
    assert len(ada.claim().ids) == 1


@pytest.mark.parametrize("resumed", SOURCES)
def test_a_resume_takes_away_no_other_pause(rig: Rig, resumed: str) -> None:
    """An operator must not start what a person stopped, nor the other way round."""
    for source in SOURCES:
        rig.pause(source)
    before = rig.fields(rig.keys.pause)
    rig.resume(resumed)

    assert rig.fields(rig.keys.pause) == {k: v for k, v in before.items() if k != resumed}
    assert rig.worker("ada").claim().claimed.paused_ms == -1


def test_a_pause_of_one_worker_holds_for_no_other(rig: Rig) -> None:
    """The rest of the queue goes on, and it does not count as paused."""
    rig.enqueue()
    ada, bob = rig.worker("ada"), rig.worker("bob")
    rig.pause(worker_source("ada"))

    assert ada.claim().claimed.paused_ms == -1
    assert not rig.counts().is_paused
    assert (ada.beat().paused_ms, bob.beat().paused_ms) == (-1, 0)
    assert len(bob.claim().ids) == 1


def test_a_paused_worker_hands_on_the_marker_that_woke_it(rig: Rig) -> None:
    """It was woken for jobs that an idle worker beside it can run; else they wait 2 s."""
    ada = rig.worker("ada")
    rig.pause(worker_source("ada"))
    rig.enqueue()
    rig.call("ZPOPMIN", rig.keys.wake("send"))
    ada.claim()

    assert rig.call("ZCARD", rig.keys.wake("send")) == 1


def test_a_pause_is_kept_with_its_reason_and_its_end(rig: Rig) -> None:
    """By Redis' clock; a reason may have spaces."""
    rig.pause(lasts_ms=HOUR, reason="vendor is down")
    until, since, by, reason = rig.fields(rig.keys.pause)["client"].split(b" ", 3)

    assert int(until) == int(since) + HOUR
    assert abs(int(since) - rig.now_ms()) < 1000
    assert (by, reason) == (b"ada", b"vendor is down")


def test_a_pause_that_is_over_is_ignored_at_once_and_forgotten_later(rig: Rig) -> None:
    """Nobody has to come and take it away; the next pause or resume does."""
    rig.enqueue()
    ada = rig.worker()
    rig.pause(lasts_ms=MINUTE)
    rig.move_clock(MINUTE)

    assert len(ada.claim().ids) == 1
    assert not rig.counts().is_paused
    rig.pause("spec")
    assert set(rig.fields(rig.keys.pause)) == {"spec"}


def test_a_pause_sent_twice_is_one(rig: Rig) -> None:
    """The reply of the first may have been lost."""
    rig.pause()
    rig.pause()

    assert set(rig.fields(rig.keys.pause)) == {"client"}
    rig.resume()
    rig.resume()
    assert rig.fields(rig.keys.pause) == {}


def test_changes_have_ids_that_rise_whatever_the_clock_does(rig: Rig) -> None:
    """Who acknowledges a later change knows of all before it; only one entry is kept."""
    ada = rig.worker()
    changes = [rig.pause(), rig.resume(), rig.pause("spec"), rig.resume("nobody")]

    assert changes == sorted(set(changes), key=change_number)
    assert ada.beat().change == changes[-1]
    assert rig.call("XLEN", rig.keys.pauses) == 1


def test_changes_go_on_after_an_entry_with_the_highest_id_there_is(rig: Rig) -> None:
    """Somebody else's entry must not make a pause fail after it was half written."""
    highest = 2**64 - 1
    rig.call("XADD", rig.keys.pauses, f"{highest}-{highest}", "a", "b")

    assert change_number(rig.pause()) < (highest, highest)
    assert rig.counts().is_paused


@pytest.mark.parametrize("value", VALUES)
def test_what_nobody_of_ours_wrote_counts_as_paused_until_a_client_resumes(
    rig: Rig, value: bytes
) -> None:
    """To run by mistake is worse than to wait by mistake, and the way out must not be an editor."""
    rig.call("HSET", rig.keys.pause, "client", value)
    assert rig.counts().is_paused
    rig.resume("spec")
    assert rig.counts().is_paused
    rig.call("HSET", rig.keys.pause, value, "0 1 ada why")
    rig.resume()

    assert not rig.counts().is_paused


def test_a_copied_pause_changes_only_its_source_and_only_once(rig: Rig) -> None:
    """Workers copy it again and again; each change would wake every paused one."""
    rig.pause()
    first = rig.run(pausing.adopt(rig.keys, "all", "0 1 ada why"))
    again = rig.run(pausing.adopt(rig.keys, "all", "0 1 ada why"))
    taken = rig.run(pausing.adopt(rig.keys, "all", ""))

    assert first == again
    assert change_number(taken) > change_number(first)
    assert set(rig.fields(rig.keys.pause)) == {"client"}


def test_a_worker_that_leaves_takes_the_pause_of_itself_along(rig: Rig) -> None:
    """Its id never comes back, and a record of it would stay for ever."""
    ada = rig.worker("ada")
    rig.worker("bob")
    for name in ("ada", "bob"):
        rig.pause(worker_source(name))
    rig.run(worker.deregister(rig.keys, ada.number, "ada", rig.handlers))

    assert set(rig.fields(rig.keys.pause)) == {worker_source("bob")}


def test_the_pause_of_a_worker_that_died_is_forgotten_with_it(rig: Rig) -> None:
    """It cannot leave in order."""
    rig.worker("ada")
    rig.pause(worker_source("ada"))
    rig.pause("spec")
    rig.move_clock(HOUR)
    rig.run(worker.prune(rig.keys, dead_max_jobs=1000, dead_max_age_ms=HOUR))

    assert set(rig.fields(rig.keys.pause)) == {"spec"}
