"""When each Pipeline is looked at again: soon while something moves, else now and then.

What no watch tells of, such as workers that are to come, is waited for by looking.  A look that
finds all as it was makes the next one later: pods that are ready and whose workers never come,
by the hundred, would otherwise take the time of those that are new.
"""

from __future__ import annotations

from random import Random

from flume_operator.objects import Key

SOON_S = 1.0
"""Until the next look while workers start, stop or have not yet acknowledged their settings."""
LOOKS_A_SECOND = 20.0
"""At rest, over all Pipelines: with more of them each is looked at less often."""


class Looks:
    """Says when to look again.

    Args:
        look_s: Seconds between two looks at rest.
        rng: Spreads looks.
    """

    def __init__(self, look_s: float, *, rng: Random | None = None) -> None:
        self._look_s = look_s
        self._rng = rng or Random()
        self._waits: dict[Key, float] = {}

    def forget(self, key: Key) -> None:
        """Forget a Pipeline that is gone."""
        self._waits.pop(key, None)

    def next_s(self, key: Key, *, is_moving: bool, has_changed: bool, known: int) -> float:
        """Return after how many seconds a Pipeline is due.

        Args:
            key: Of the Pipeline.
            is_moving: Whether something is under way that no watch tells of.
            has_changed: Whether this look has found anything new.
            known: How many Pipelines there are.
        """
        rest = max(self._look_s, known / LOOKS_A_SECOND)
        if not is_moving:
            self.forget(key)
            return rest * self._rng.uniform(0.8, 1.2)
        waited = 0.0 if has_changed else self._waits.get(key, 0.0)
        self._waits[key] = min(rest, max(SOON_S, 2 * waited))
        return self._waits[key]
