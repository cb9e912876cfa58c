"""register and deregister: a worker's number is its own for as long as its fences are about."""

from __future__ import annotations

import pytest

from flume.commands import worker
from tests.support.rig import MINUTE, Rig


def test_numbers_are_given_in_turn(rig: Rig) -> None:
    """One that was given back is free for as long as can be before it is used again."""
    numbers = []
    for name in ("ada", "bob", "carl"):
        numbers.append(rig.worker(name).number)
        leave(rig, numbers[-1], name)

    assert numbers == [0, 1, 2]


def test_numbers_go_round_past_those_that_are_taken(rig: Rig) -> None:
    """A fence has room for 2,048."""
    rig.worker("ada")
    rig.call("HSET", rig.keys.workers, "next", 2047)

    assert [rig.worker(name).number for name in ("bob", "carl")] == [2047, 1]


def test_a_full_house_is_told(rig: Rig) -> None:
    """Two workers with one number could end each other's jobs."""
    taken = [item for number in range(2048) for item in (number, f"{rig.now_ms()} w{number} {{}}")]
    rig.call("HSET", rig.keys.workers, *taken)
    before = rig.dump()

    assert rig.run(worker.register(rig.keys, "late", b"{}")) == -1
    assert rig.dump() == before


@pytest.mark.parametrize("garbage", ["nan", "inf", "-3", "1.5", "x", "", "9" * 400])
def test_a_counter_that_holds_garbage_gives_numbers_that_differ(rig: Rig, garbage: str) -> None:
    """From nan comes nan: every worker would get the same number, and the same fences."""
    rig.call("HSET", rig.keys.workers, "next", garbage)
    numbers = {rig.worker(name).number for name in ("ada", "bob", "carl")}

    assert len(numbers) == 3
    assert numbers <= set(range(2048))


def test_a_call_sent_twice_takes_a_second_number(rig: Rig) -> None:
    """It costs one number until it is pruned; a call that gave the first would need its id kept."""
    first, second = rig.worker("ada").number, rig.worker("ada").number

    assert (first, second) == (0, 1)


def test_a_worker_that_leaves_takes_its_record_with_it(rig: Rig) -> None:
    """Nobody is to wait for it."""
    ada, bob = rig.worker("ada"), rig.worker("bob")

    assert leave(rig, ada.number, "ada") == 1
    assert set(rig.fields(rig.keys.workers)) == {"next", str(bob.number)}


def test_a_call_to_leave_sent_twice_changes_nothing_more(rig: Rig) -> None:
    """The number may be somebody else's by then."""
    ada = rig.worker("ada")
    leave(rig, ada.number, "ada")
    rig.call("HSET", rig.keys.workers, ada.number, f"{rig.now_ms()} bob {{}}")
    before = rig.dump()

    assert leave(rig, ada.number, "ada") == 0
    assert rig.dump() == before


def test_a_worker_that_leaves_hands_on_the_marker_it_took(rig: Rig) -> None:
    """It was woken for jobs that it will not run."""
    ada = rig.worker()
    rig.enqueue()
    rig.call("ZPOPMIN", rig.keys.wake("send"))
    leave(rig, ada.number, "ada")

    assert rig.call("ZCARD", rig.keys.wake("send")) == 1


def test_a_worker_that_leaves_an_empty_queue_wakes_nobody(rig: Rig) -> None:
    """There is nothing to look for."""
    ada = rig.worker()
    rig.move_clock(MINUTE)
    leave(rig, ada.number, "ada")

    assert rig.call("EXISTS", rig.keys.wake("send")) == 0


def leave(rig: Rig, number: int, name: str) -> int:
    """Deregister a worker."""
    return rig.run(worker.deregister(rig.keys, number, name, rig.handlers))
