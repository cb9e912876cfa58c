"""Who may write: the rules of a Lease, without I/O.

The clocks of two machines are never compared.  A rival counts from the moment it saw the Lease
change, by its own clock; the holder counts from before it sent that change, which was earlier.
So the holder, who stops ``margin_s`` before its time is over, has stopped before a rival begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LONGEST_DURATION_S = 120.0
"""A typing error in a Lease does not keep rivals out for longer."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How a Lease is held."""

    duration_s: int = 10
    """Seconds without a change after which a rival takes it: how long nobody writes after a kill.

    Raise it where the API server is often away for longer: each time, the leader stops.
    """
    renew_s: float = 2.0
    """Seconds between renewals: one of three may fail, with time for an answer."""
    margin_s: float = 3.0
    """Seconds before its end at which the holder stops, for what it has just sent.

    Also how long a Lease that is not there is left to a leader under whom it was deleted; such a
    leader notices at its next renewal, so this must be longer than ``renew_s``.
    """
    look_s: float = 1.0
    """Seconds between two looks of a rival: how long a hand-over takes."""
    call_s: float = 2.0
    """Seconds after which one call is given up, and sent again."""

    def __post_init__(self) -> None:
        if not self.renew_s < self.margin_s < self.duration_s - self.renew_s:
            raise ValueError(
                f"a Lease of {self.duration_s} s that is renewed every {self.renew_s:g} s cannot "
                f"have a margin of {self.margin_s:g} s: it must be longer than the time between "
                "renewals, and leave time for one"
            )

    @property
    def term_s(self) -> float:
        """Seconds after a renewal was sent for which its sender may write."""
        return self.duration_s - self.margin_s


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A Lease as the API server has it."""

    version: str
    """Changes with every change of the Lease."""
    holder: str
    """Who holds it; empty: it was given up."""
    duration_s: float
    """For how long its holder leads after each change; 0 where the Lease does not say."""
    transitions: int = 0
    """How often it went from one holder to another."""


class Patience:
    """How long a Lease that another holds must be left alone.

    Args:
        identity: Who asks.
        times: Of who asks; where the holder's Lease is longer, that counts.
        clock: Seconds that never go back.
    """

    def __init__(self, identity: str, times: LeaseTimes, clock: Callable[[], float]) -> None:
        self._identity = identity
        self._times = times
        self._clock = clock
        self._version: str | None = None  # of the last Lease that was seen; "": there was none
        self._free_at = 0.0

    def saw(self, record: LeaseRecord | None) -> None:
        """Take note of what was read just now; None: there is no Lease."""
        version = "" if record is None else record.version
        if version == self._version:
            return
        now = self._clock()
        if record is not None:
            self._free_at = now + self._due_to(record)
        elif self._version is None:
            self._free_at = now + self._times.margin_s
        else:  # deleted: who held it may not know yet, and keeps the rest of its time
            self._free_at = max(self._free_at, now + self._times.margin_s)
        self._version = version

    def left_s(self) -> float:
        """Return after how many seconds the Lease may be taken; 0: now."""
        return max(0.0, self._free_at - self._clock())

    def _due_to(self, record: LeaseRecord) -> float:
        if record.holder in ("", self._identity):
            return 0.0
        return max(self._times.duration_s, min(record.duration_s, LONGEST_DURATION_S))
