"""How long tokens may take is learned from the quickest of several calls, and only then."""

from __future__ import annotations

import pytest

from flume.commands.limit import LONGEST_SLACK_MS, SLACK_MS
from flume.runtime.slack import LOOKED_AT, LOOKED_AT_WHEN_LATE, ROUND_TRIPS, Slack

QUICK_S, FAR_S = 0.0005, 0.025
FAR_MS = SLACK_MS + round(ROUND_TRIPS * FAR_S * 1000)


def noted(slack: Slack, seconds: float, times: int = 1) -> int:
    """Note calls that take as long; return the slack after them."""
    for _ in range(times):
        slack.note(seconds)
    return slack.ms


def test_the_first_calls_which_connect_and_load_scripts_change_nothing() -> None:
    """A long slack at a start would cost the limit of all, for seconds."""
    slack = Slack()
    assert noted(slack, FAR_S, LOOKED_AT - 1) == SLACK_MS
    assert noted(slack, QUICK_S) == SLACK_MS


def test_a_long_way_is_given_four_round_trips_more() -> None:
    """What fits between a reserve and a start on a short way does not on a long one."""
    assert noted(Slack(), FAR_S, LOOKED_AT) == FAR_MS


def test_slow_calls_after_a_quick_one_are_the_machine_s_doing() -> None:
    """A longer slack does not make a blocked loop quicker."""
    slack = Slack()
    noted(slack, QUICK_S, LOOKED_AT)
    assert noted(slack, FAR_S, 100) == SLACK_MS


def test_a_way_that_became_longer_is_found_once_tokens_come_too_late() -> None:
    """As after a failover to another zone."""
    slack = Slack()
    noted(slack, QUICK_S, LOOKED_AT)
    slack.was_too_short()
    assert noted(slack, FAR_S, LOOKED_AT_WHEN_LATE) == FAR_MS


def test_one_stall_that_makes_tokens_late_changes_nothing() -> None:
    """What is measured anew is the way, not the stall."""
    slack = Slack()
    noted(slack, QUICK_S, LOOKED_AT)
    slack.was_too_short()
    noted(slack, FAR_S, LOOKED_AT_WHEN_LATE - 1)
    assert noted(slack, QUICK_S) == SLACK_MS


def test_tokens_that_are_late_from_the_first_call_on_do_not_put_the_learning_off() -> None:
    """A worker far away would never start a job."""
    slack = Slack()
    for _ in range(LOOKED_AT_WHEN_LATE):
        noted(slack, FAR_S)
        slack.was_too_short()
    assert slack.ms == FAR_MS


def test_a_way_that_became_shorter_is_seen_at_the_next_call() -> None:
    """All that share the limit gain from it."""
    slack = Slack()
    noted(slack, FAR_S, LOOKED_AT)
    assert noted(slack, QUICK_S) == SLACK_MS


@pytest.mark.parametrize("seconds", [1.0, 60.0])
def test_no_more_is_asked_for_than_the_ring_can_hold(seconds: float) -> None:
    """Its cells are counted."""
    slack = Slack()
    assert noted(slack, seconds, LOOKED_AT) == LONGEST_SLACK_MS
    assert slack.is_longest
