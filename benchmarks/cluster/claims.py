"""Find the last claim from a queue, by Redis' own clock."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from redis import Redis

from benchmarks.cluster.waiting import NeverError
from flume.keys import Keys

# A ready job leaves its list by being claimed and in no other way, as long as nobody purges it.
LOOK = """
local time = redis.call('TIME')
local at, ready = time[1] * 1000000 + time[2], redis.call('LLEN', KEYS[1])
return {at, ready, redis.call('HEXISTS', KEYS[2], 'spec')}
"""
POLL_SECONDS = 0.001
QUIET_SECONDS = 0.5  # without a claim, once it is paused: longer than any call is on its way


@dataclass(frozen=True, slots=True)
class Look:
    """A queue at one moment."""

    at_us: int
    """By Redis' clock."""
    ready: int
    is_paused: bool
    """Whether ``spec.paused`` has come to Redis."""


@dataclass(frozen=True, slots=True)
class Pause:
    """What followed a pause."""

    last_claim_ms: float
    """From the first look to the last claim; 0 where none was seen."""
    claims_after: int
    """Jobs that were claimed though Redis had the pause."""


class Claims:
    """Looks at the claims of one handler's jobs."""

    def __init__(self, redis: Redis, queue: str, handler: str) -> None:
        keys = Keys(queue)
        self._redis = redis
        self._keys = [keys.ready(handler), keys.pause]
        self._script = redis.register_script(LOOK)

    def look(self) -> Look:
        """Look once."""
        at, ready, paused = cast(list[int], self._script(keys=self._keys))
        return Look(at, ready, bool(paused))

    def until_quiet(self, seconds: float) -> list[Look]:
        """Look again and again until the pause is there and nothing was claimed for a while.

        Raises:
            NeverError: If that takes longer than so many seconds.
        """
        looks, last = [self.look()], time.monotonic()
        deadline = last + seconds
        while not looks[-1].is_paused or time.monotonic() - last < QUIET_SECONDS:
            time.sleep(POLL_SECONDS)
            looks.append(self.look())
            if looks[-1].ready != looks[-2].ready or looks[-1].is_paused > looks[-2].is_paused:
                last = time.monotonic()
            if time.monotonic() > deadline:
                raise NeverError(f"jobs are claimed {seconds:g} s after the pause: {looks[-1]}")
        return looks


def judge(looks: Sequence[Look]) -> Pause:
    """Return what followed a pause, from looks since kubectl has returned."""
    taken = [pair for pair in itertools.pairwise(looks) if pair[1].ready < pair[0].ready]
    last = taken[-1][1].at_us if taken else looks[0].at_us
    bound = sum(before.ready - after.ready for before, after in taken if before.is_paused)
    return Pause((last - looks[0].at_us) / 1000, bound)
