"""disown, and what is known of owners that are gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flume.commands.client import Write
from tests.support.rig import OWNER, Rig

SAID = "tests spec.paused is true"
NEXT = replace(OWNER, uid="next", created_ms=OWNER.created_ms + 1)
ONE = b'{"concurrency":1}'


def test_an_owner_takes_its_settings_and_its_pause_along(rig: Rig) -> None:
    """The queue is free for the next, and nobody else's pause is touched."""
    rig.pause("client")
    rig.configure(ONE, paused=SAID)
    answer = rig.disown()

    assert (answer.was_own, answer.generation, answer.settings) == (True, 1, ONE)
    assert set(rig.fields(rig.keys.pause)) == {"client"}
    assert rig.worker().beat().settings == b"  "
    assert rig.configure(owner=NEXT).write is Write.DONE


def test_generations_go_on_where_they_were(rig: Rig) -> None:
    """Rate limits know of them, and workers that live on compare them."""
    for settings in (b"{}", ONE, b"{}"):
        rig.configure(settings)
    rig.disown()

    assert rig.configure(b"", NEXT, paused=SAID).generation == 3
    assert rig.configure(owner=NEXT).generation == 4


def test_a_late_call_of_an_owner_that_is_gone_is_not_obeyed(rig: Rig) -> None:
    """An operator that hung for a minute would bring back what was deleted: it was older."""
    rig.configure()
    rig.disown()
    alone = [rig.configure(ONE, paused=SAID), rig.configure(b"", paused=SAID)]
    rig.configure(owner=NEXT)
    before = rig.dump()
    beside = [rig.configure(ONE, paused=SAID), rig.configure(b"", paused=SAID)]

    assert {answer.write for answer in (*alone, *beside)} == {Write.GONE}
    assert rig.dump() == before


def test_an_owner_that_was_replaced_as_gone_is_not_obeyed(rig: Rig) -> None:
    """Deleted and made again under the same name, faster than anybody cleaned up."""
    rig.configure()
    rig.configure(ONE, NEXT, over=OWNER.uid)
    late = rig.configure()

    assert (late.write, late.holder) == (Write.GONE, NEXT)


def test_an_owner_that_only_left_may_come_back(rig: Rig) -> None:
    """Its pipeline moved to another key prefix, and back."""
    rig.configure(paused=SAID)
    rig.disown(is_gone=False)

    assert rig.fields(rig.keys.pause) == {}
    assert rig.configure(paused=SAID).write is Write.DONE


def test_an_owner_that_moved_to_another_address_of_the_same_redis_keeps_its_queue(rig: Rig) -> None:
    """A Service and its pod are two names of one server: nothing there was left behind."""
    rig.configure(ONE, paused=SAID, place="redis://one")
    rig.configure(ONE, paused=SAID, place="redis://two")
    before = rig.dump()
    moved = rig.disown(is_gone=False, place="redis://one")

    assert not moved.was_own
    assert rig.dump() == before
    assert rig.disown(is_gone=False, place="redis://two").was_own
    assert rig.fields(rig.keys.pause) == {}


def test_what_is_another_owners_is_left_alone(rig: Rig) -> None:
    """Who is gone is remembered all the same: its late call must not win by its age."""
    rig.configure(ONE, NEXT, paused=SAID)
    before = rig.fields(rig.keys.settings)
    answer = rig.disown()

    assert (answer.was_own, answer.settings) == (False, b"")
    assert rig.fields(rig.keys.settings) == {**before, "gone": OWNER.uid.encode()}
    assert set(rig.fields(rig.keys.pause)) == {"spec"}
    assert rig.configure().write is Write.GONE


def test_a_pause_without_settings_is_taken_away(rig: Rig) -> None:
    """The fast path was there, and the pipeline was deleted before the rest came."""
    rig.configure(b"", paused=SAID)

    assert rig.disown().was_own
    assert rig.fields(rig.keys.pause) == {}


def test_a_call_sent_twice_changes_nothing_more(rig: Rig) -> None:
    """The reply of the first may have been lost."""
    rig.configure(paused=SAID)
    rig.disown()
    before = rig.dump()
    again = rig.disown()

    assert (again.was_own, again.settings) == (False, b"")
    assert rig.dump() == before


@pytest.mark.parametrize("is_held", [True, False])
def test_who_is_gone_is_forgotten_after_a_day_unless_there_are_settings(
    rig: Rig, is_held: bool
) -> None:
    """Queues that are used no more must leave nothing behind, and those in use no settings."""
    rig.configure()
    rig.disown()
    if is_held:
        rig.configure(owner=NEXT)
        rig.disown("somebody")
    ttl = rig.call("TTL", rig.keys.settings)

    assert ttl == -1 if is_held else 86_000 < ttl <= 86_400


def test_only_the_last_of_those_who_are_gone_are_kept(rig: Rig) -> None:
    """A pipeline that is made anew by each test run must not grow the record."""
    for number in range(20):
        rig.disown(f"uid{number}")

    gone = rig.fields(rig.keys.settings)["gone"].split()
    assert gone == [f"uid{number}".encode() for number in range(12, 20)]
