"""configure, for the pause of a manifest: it goes with the settings, or ahead of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flume.commands import pausing
from flume.commands.client import Write
from flume.commands.pausing import change_number
from tests.support.garbage import VALUES
from tests.support.rig import OWNER, Rig

SAID = "tests spec.paused is true"
OLDER = replace(OWNER, name="other", uid="older", created_ms=OWNER.created_ms - 1)
YOUNGER = replace(OWNER, name="other", uid="younger", created_ms=OWNER.created_ms + 1)


def is_paused(rig: Rig) -> bool:
    """Whether the manifest's pause is in force."""
    return "spec" in rig.fields(rig.keys.pause)


def last_change(rig: Rig) -> str:
    """Return the id of the last pause or resume; asking changes nothing."""
    return rig.run(pausing.adopt(rig.keys, "all", ""))


def test_settings_and_pause_are_written_as_one(rig: Rig) -> None:
    """Between two calls a worker could claim by the old pause and the new settings."""
    rig.enqueue()
    ada = rig.worker("ada")
    paused = rig.configure(paused=SAID)

    assert paused.write is Write.DONE
    assert ada.claim().claimed.paused_ms == -1
    assert rig.configure(paused="").write is Write.DONE
    assert len(ada.claim().ids) == 1


def test_a_pause_that_is_in_force_is_not_written_again(rig: Rig) -> None:
    """A resync every few minutes must not change since when, nor wake every paused worker."""
    rig.configure(paused=SAID)
    before, change = rig.dump(), last_change(rig)
    again = rig.configure(paused=SAID)

    assert again.write is Write.SAME
    assert rig.dump() == before
    assert last_change(rig) == change


@pytest.mark.parametrize("paused", ["", SAID])
def test_a_change_is_announced_to_who_sleeps(rig: Rig, paused: str) -> None:
    """Paused workers wait for the stream: without an entry they would wake a second later."""
    rig.configure(paused="" if paused else SAID)
    before = last_change(rig)
    rig.configure(paused=paused)

    assert change_number(last_change(rig)) > change_number(before)


def test_a_pause_is_mended_and_other_sources_are_left_alone(rig: Rig) -> None:
    """Drift: somebody took the manifest's pause away by hand."""
    rig.pause("client")
    rig.configure(paused=SAID)
    before = rig.fields(rig.keys.pause)
    rig.call("HDEL", rig.keys.pause, "spec")
    answer = rig.configure(paused=SAID)

    assert answer.write is Write.DONE
    assert rig.fields(rig.keys.pause).keys() == before.keys() == {"spec", "client"}
    rig.configure(paused="")
    assert rig.fields(rig.keys.pause) == {"client": before["client"]}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("paused", ["", SAID])
def test_what_nobody_of_ours_wrote_in_its_place_is_mended(
    rig: Rig, value: bytes, paused: str
) -> None:
    """It counts as paused, and a client's resume would only take it away until the next pause."""
    rig.configure(paused=paused)
    rig.call("HSET", rig.keys.pause, "spec", value)
    rig.configure(paused=paused)

    assert is_paused(rig) == bool(paused)
    assert rig.fields(rig.keys.pause).get("spec", b"").endswith(paused.encode())


def test_the_fast_path_needs_no_settings(rig: Rig) -> None:
    """After a flush the pause must hold before the settings are back; no worker sees a record."""
    ada = rig.worker("ada")
    answer = rig.configure(b"", paused=SAID)

    assert (answer.write, answer.generation) == (Write.DONE, 0)
    assert ada.beat().paused_ms == -1
    assert ada.beat().settings == b"  "
    assert rig.configure(paused=SAID).generation == 1


def test_the_fast_path_leaves_settings_alone(rig: Rig) -> None:
    """It may run for a manifest that no longer validates."""
    rig.configure(paused="")
    before = rig.fields(rig.keys.settings)
    answer = rig.configure(b"", paused=SAID, owner=replace(OWNER, spec=2))
    after = rig.fields(rig.keys.settings)

    assert (answer.write, answer.holder) == (Write.DONE, OWNER)
    assert {**after, "paused": b""} == {**before, "paused": b""}


def test_what_the_fast_path_said_is_not_undone_by_what_was_said_before(rig: Rig) -> None:
    """A reconcile of the generation before may hang, and come to Redis after it."""
    rig.configure(owner=replace(OWNER, spec=6), paused="")
    rig.configure(b"", owner=replace(OWNER, spec=8), paused=SAID)
    late = rig.configure(b'{"concurrency":1}', owner=replace(OWNER, spec=7), paused="")

    assert (late.write, late.holder.spec) == (Write.DONE, 7)
    assert is_paused(rig)
    fast = rig.configure(b"", owner=replace(OWNER, spec=7), paused="")
    assert fast.write is Write.OUTDATED
    assert rig.configure(owner=replace(OWNER, spec=8), paused=SAID).write is Write.DONE


def test_a_fast_path_that_is_late_is_refused(rig: Rig) -> None:
    """Two operators: one is an edit behind."""
    rig.configure(owner=replace(OWNER, spec=8), paused=SAID)

    assert rig.configure(b"", owner=replace(OWNER, spec=7), paused="").write is Write.OUTDATED
    assert is_paused(rig)


def test_a_fast_path_that_changes_nothing_is_remembered_too(rig: Rig) -> None:
    """Paused in generation 6, resumed in 7, paused in 8: 7 must not come last."""
    rig.configure(owner=replace(OWNER, spec=6), paused=SAID)
    assert rig.configure(b"", owner=replace(OWNER, spec=8), paused=SAID).write is Write.SAME
    rig.configure(b"", owner=replace(OWNER, spec=7), paused="")

    assert is_paused(rig)


def test_nobody_pauses_the_queue_of_an_older_owner(rig: Rig) -> None:
    """The other pipeline's jobs would stop, and its status would not say why."""
    rig.configure(paused="")
    before = rig.dump()
    fast, whole = rig.configure(b"", YOUNGER, paused=SAID), rig.configure(owner=YOUNGER)

    assert (fast.write, fast.holder) == (whole.write, whole.holder) == (Write.HELD, OWNER)
    assert rig.dump() == before
    assert rig.configure(b"", YOUNGER, paused=SAID, over=OWNER.uid).write is Write.DONE


def test_who_takes_a_queue_over_brings_its_own_pause(rig: Rig) -> None:
    """What the former owner wanted counts no more."""
    rig.configure(owner=replace(OWNER, spec=9), paused=SAID)
    rig.configure(owner=OLDER, paused="")

    assert not is_paused(rig)


@pytest.mark.parametrize("is_paused_now", [True, False])
def test_who_says_nothing_of_a_pause_leaves_it_as_it_is(rig: Rig, is_paused_now: bool) -> None:
    """Also what a reconcile says that came after the fast path: it has no word in it."""
    rig.configure(b"", owner=replace(OWNER, spec=8), paused=SAID if is_paused_now else "")
    before, change = rig.fields(rig.keys.pause), last_change(rig)
    rig.configure(
        b'{"concurrency":1}', owner=replace(OWNER, spec=7), paused="" if is_paused_now else SAID
    )
    rig.configure(b"{}", owner=replace(OWNER, spec=9), paused=None)

    assert rig.fields(rig.keys.pause) == before
    assert last_change(rig) == change
