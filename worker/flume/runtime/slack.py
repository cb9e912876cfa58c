"""How long a token may take from before its reserve until its job starts, on this way to Redis."""

from __future__ import annotations

from collections import deque

from flume.commands.limit import LONGEST_SLACK_MS, SLACK_MS

LOOKED_AT = 5
"""Calls of which the quickest tells how long the way is: a blocked loop, or a busy machine, makes
single calls slow, and a longer slack would not help."""
ROUND_TRIPS = 4
"""A reserve, a claim, and as much again for what comes between them."""
STEP_MS = 10
"""So that a way that is a little longer today is the same one to Redis."""


class Slack:
    """Learns from how long reserves take."""

    def __init__(self) -> None:
        self._took: deque[float] = deque(maxlen=LOOKED_AT)
        self.ms = SLACK_MS
        """What the next reserve asks for."""

    def note(self, seconds: float) -> None:
        """A reserve was answered after so long."""
        self._took.append(seconds)
        needed = SLACK_MS + ROUND_TRIPS * min(self._took) * 1000
        self.ms = min(LONGEST_SLACK_MS, int(needed) // STEP_MS * STEP_MS)

    @property
    def is_longest(self) -> bool:
        """Whether more cannot be had."""
        return self.ms == LONGEST_SLACK_MS
