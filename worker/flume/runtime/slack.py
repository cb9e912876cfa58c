"""How long a token may take from before its reserve until its job starts, on this way to Redis."""

from __future__ import annotations

from flume.commands.limit import LONGEST_SLACK_MS, SLACK_MS

LOOKED_AT = 10
"""Calls of which the quickest tells how long the way is.  The first ones connect and load scripts,
and a blocked loop or a busy machine makes others slow, for which a longer slack is no help."""
LOOKED_AT_WHEN_LATE = 5
"""The same once tokens came too late, after each of which there is a wait: until then no job
starts."""
ROUND_TRIPS = 4
"""A reserve, a claim, and as much again for what comes between them."""
STEP_MS = 5
"""So that a way that is a little longer today is the same one to Redis."""


class Slack:
    """Learns from how long reserves take: the quickest since tokens last came too late."""

    def __init__(self) -> None:
        self._quickest_s = float("inf")
        self._calls = 0
        self._looked_at = LOOKED_AT
        self.ms = SLACK_MS
        """What the next reserve asks for."""

    def note(self, seconds: float) -> None:
        """A reserve was answered after so long."""
        self._quickest_s = min(self._quickest_s, seconds)
        self._calls += 1
        if self._calls >= self._looked_at:
            needed = SLACK_MS + ROUND_TRIPS * self._quickest_s * 1000
            self.ms = min(LONGEST_SLACK_MS, int(needed) // STEP_MS * STEP_MS)

    def was_too_short(self) -> None:
        """Tokens came too late for any job: the way may be longer than it was, so measure again."""
        if self._calls >= self._looked_at:
            self._quickest_s, self._calls = float("inf"), 0
        self._looked_at = LOOKED_AT_WHEN_LATE

    @property
    def is_longest(self) -> bool:
        """Whether more cannot be had."""
        return self.ms == LONGEST_SLACK_MS
