"""When several queues, counted one after the other, were empty at one moment."""

from __future__ import annotations

from flume.commands.client import Counts
from flume.runtime.emptied import Looks


def look(*, ready: int = 0, **totals: int) -> Counts:
    """Return what one queue looks like."""
    return Counts(ready, 0, 0, 0, 0, 0.0, False, totals, {})


def test_an_empty_look_counts_only_once_another_found_nothing_moved() -> None:
    """A was counted, then B's job enqueued to A and ended, then B was counted: both seem empty."""
    looks = Looks()
    first = looks.are_done([look(enqueued=1, completed=1), look(enqueued=1, completed=1)])
    moved = looks.are_done([look(enqueued=2, completed=2), look(enqueued=1, completed=1)])
    again = looks.are_done([look(enqueued=2, completed=2), look(enqueued=1, completed=1)])

    assert (first, moved, again) == (False, False, True)


def test_what_was_seen_before_a_job_came_does_not_count_after_it() -> None:
    """The two looks must be in a row."""
    looks = Looks()
    empty, busy = [look(), look()], [look(), look(ready=1)]

    assert [looks.are_done(each) for each in (empty, busy, empty, empty)] == [
        *(False, False, False, True)
    ]


def test_a_server_that_started_empty_is_not_done_before_its_first_job() -> None:
    """It would end before anybody could enqueue."""
    looks = Looks(awaits_jobs=True)
    before = [looks.are_done([look()]) for _ in range(3)]
    after = [looks.are_done([look(enqueued=1, completed=1)]) for _ in range(2)]

    assert (before, after) == ([False] * 3, [False, True])
