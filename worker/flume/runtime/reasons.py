"""Lets a part say once why it cannot go on, however often it tries."""

from __future__ import annotations


class Reasons:
    """What was said of why calls fail: each reason once, until it is over or another one comes.

    Several parts may share one, as two lanes do that meet the same refusal: it is new until one
    of them has said it, and over once none of them meets it any more.
    """

    def __init__(self) -> None:
        self._said: dict[object, str] = {}

    def is_new(self, error: Exception, part: object = None) -> bool:
        """Note why a part cannot go on; return whether that has to be said."""
        reason = str(error)
        is_new = reason not in self._said.values()
        self._said[part] = reason
        return is_new

    def over(self, part: object = None) -> None:
        """Note that a part goes on."""
        if self._said:
            self._said.pop(part, None)
