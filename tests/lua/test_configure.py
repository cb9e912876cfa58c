"""configure: one owner a queue writes its settings, and nobody by mistake."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flume.commands.client import Write
from tests.support.rig import OWNER, Rig

YOUNGER = replace(OWNER, name="other", uid="younger", created_ms=OWNER.created_ms + 1)
OLDER = replace(OWNER, name="other", uid="older", created_ms=OWNER.created_ms - 1)
ONE = b'{"concurrency":1}'


def test_settings_get_a_new_generation_when_they_change(rig: Rig) -> None:
    """Workers compare it; writing the same again changes nothing, so a resend is harmless."""
    answers = [rig.configure(settings) for settings in (b"{}", b"{}", ONE, b"{}")]

    assert [answer.generation for answer in answers] == [1, 1, 2, 3]
    done, same = Write.DONE, Write.SAME
    assert [answer.write for answer in answers] == [done, same, done, done]
    assert {answer.holder for answer in answers} == {OWNER}


def test_a_younger_owner_is_told_who_holds_the_settings(rig: Rig) -> None:
    """Two pipelines that name one queue would undo each other's settings for ever."""
    rig.configure()
    before = rig.dump()
    answer = rig.configure(ONE, YOUNGER)

    assert (answer.write, answer.holder, answer.generation) == (Write.HELD, OWNER, 1)
    assert rig.dump() == before


def test_an_older_owner_takes_the_settings_over(rig: Rig) -> None:
    """It was there first, and Redis had lost its record meanwhile."""
    rig.configure()
    answer = rig.configure(ONE, OLDER)

    assert (answer.write, answer.holder, answer.generation) == (Write.DONE, OLDER, 2)
    assert rig.configure().write is Write.HELD


def test_of_two_as_old_as_each_other_the_same_one_holds_them_always(rig: Rig) -> None:
    """Times of Kubernetes are whole seconds: without a rule each would take them in turn."""
    first, second = (replace(OWNER, uid=uid) for uid in ("a", "b"))
    rig.configure(b"{}", second)

    assert rig.configure(ONE, first).holder == first
    assert rig.configure(b"{}", second).write is Write.HELD


def test_an_owner_that_is_gone_is_replaced_whatever_its_age(rig: Rig) -> None:
    """Its pipeline was deleted: who knows that names it, and no other."""
    rig.configure()

    assert rig.configure(ONE, YOUNGER, over="somebody").write is Write.HELD
    assert rig.configure(ONE, YOUNGER, over=OWNER.uid).holder == YOUNGER


def test_an_older_generation_never_overwrites_a_newer_one(rig: Rig) -> None:
    """Of two operators one may lag behind, with the spec of an hour ago in its cache."""
    rig.configure(b"{}", replace(OWNER, spec=7))
    answer = rig.configure(ONE, replace(OWNER, spec=6))

    assert (answer.write, answer.holder.spec) == (Write.OUTDATED, 7)
    assert rig.fields(rig.keys.settings)["json"] == b"{}"


def test_a_newer_generation_with_the_same_settings_is_remembered(rig: Rig) -> None:
    """The older one must not come back, also where a field of the pods was all that changed."""
    rig.configure()
    answer = rig.configure(b"{}", replace(OWNER, spec=2))

    assert (answer.write, answer.generation) == (Write.SAME, 1)
    assert rig.configure(ONE).write is Write.OUTDATED


def test_what_somebody_wrote_by_hand_is_mended(rig: Rig) -> None:
    """Drift: the owner writes what it wants, and sees from the answer that it was not so."""
    rig.configure()
    rig.call("HSET", rig.keys.settings, "json", ONE)

    assert rig.configure().write is Write.DONE
    assert rig.fields(rig.keys.settings)["json"] == b"{}"


@pytest.mark.parametrize("garbage", ["nan", "inf", "9" * 400, "x", ""])
def test_a_record_that_holds_garbage_is_anybodys(rig: Rig, garbage: str) -> None:
    """From nan comes nan, and no worker would ever see a change."""
    for field in ("owner", "uid", "created", "spec", "generation", "json"):
        rig.call("HSET", rig.keys.settings, field, garbage)
    first, second = rig.configure(), rig.configure(ONE)

    assert (first.write, first.holder) == (Write.DONE, OWNER)
    assert second.generation == first.generation + 1
