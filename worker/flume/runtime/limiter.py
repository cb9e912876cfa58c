"""Tokens of a rate limit: taken before a claim, given back where they started no job.

A token is a right to start one job within a short time.  How many there are is decided in Redis
(``reserve.lua``); which jobs use them is left to ``fetcher`` and the lanes.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import msgspec

from flume.commands import limit as commands
from flume.commands.client import Lane
from flume.commands.command import Command
from flume.commands.limit import AHEAD_MS, LOOK_AGAIN_MS, Definition, Grant, InForce
from flume.current import HeldJob
from flume.errors import ServerError
from flume.events import TokensReturned, TokensTaken, bus
from flume.keys import Keys, LimitKeys
from flume.pipeline import RateLimit
from flume.runtime.link import Link
from flume.runtime.metrics import Metrics
from flume.runtime.reasons import Reasons
from flume.runtime.slack import Slack

SPARE_S = 0.005
"""Of the time in which a token may start its job, what must be left before a claim."""
START_S = 0.002
"""The same after the claim: a turn of the event loop."""
LATE_WAIT_MS = 50
"""First wait after tokens that came too late for any job, as after a stall of the machine; it
doubles with each further time in a row."""
END_S = 1.0
"""Longest wait for tokens that are given back while the worker stops."""

logger = logging.getLogger("flume.worker")


class Tokens(msgspec.Struct, eq=False):
    """What one reserve brought.  Each job that holds on to it has one of the tokens."""

    left: int
    """Not used by a claim and not given back."""
    start_from: float
    """From when they may start jobs; monotonic s."""
    start_by: float
    """Until when."""
    grant: Grant
    keys: LimitKeys

    @property
    def wait_s(self) -> float:
        """After how long it is worthwhile to ask for more; 0: all that was asked for came."""
        return min(self.grant.wait_ms, LOOK_AGAIN_MS) / 1000

    async def due(self) -> None:
        """Wait until they may start jobs."""
        while (left_s := self.start_from - time.monotonic()) > 0:  # noqa: ASYNC110 - timers are early
            await asyncio.sleep(left_s)


class Place:
    """Where a fetcher stands among those who wait: who asks again before its time keeps it.

    A call that came from nowhere would be told of the next tokens, and those of the first one would
    wait for nobody.
    """

    def __init__(self) -> None:
        self.lane = Lane(secrets.token_hex(8), 0)

    def next(self) -> Lane:
        """Return the lane for the next call; the one before it has ended."""
        self.lane = Lane(self.lane.name, self.lane.number + 1)
        return self.lane


class Limiter:
    """Takes and gives back tokens for one worker.

    Args:
        keys: Of the queue.
        link: To Redis.
        metrics: Count the tokens.
        spawn: Starts a task of the worker's group.
    """

    def __init__(
        self,
        keys: Keys,
        link: Link,
        metrics: Metrics,
        *,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._keys = keys
        self._link = link
        self._metrics = metrics
        self._spawn = spawn
        self._loop = asyncio.get_running_loop()
        self._limit_keys: LimitKeys | None = None
        self._own = Definition(0, 0, 0)
        self._slack = Slack()
        self._lanes: list[Lane] = []  # which no call is under way in
        self._refunds: dict[int, tuple[Tokens, int]] = {}
        self._refunding: set[asyncio.Task[None]] = set()
        self._is_due = False
        self.in_force: InForce | None = None
        """What the last reserve was told; None where there is no limit."""
        self._said: InForce | None = None
        self._refusals = Reasons()
        self._late = 0  # times in a row that tokens came too late
        self._is_slow = False

    @property
    def is_on(self) -> bool:
        """Whether jobs may be started only with a token."""
        return self._limit_keys is not None

    def obey(self, limit: RateLimit | None, generation: int) -> None:
        """Ask for tokens of this limit from now on; those that are held go back to theirs."""
        if limit is None:
            self._limit_keys = self.in_force = None
            return
        self._limit_keys = commands.keys_of(self._keys, limit)
        self._own = commands.definition(limit, generation)

    async def reserve(self, want: int, *, step: int = 1, place: Place | None = None) -> Tokens:
        """Take up to ``want`` tokens, in multiples of ``step``, for who waits in ``place``.

        Where Redis refuses, such as for a key of the wrong type, that is said once, and none come.
        """
        keys = self._limit_keys
        if keys is None:  # there is no limit any more
            return Tokens(want, 0.0, float("inf"), _UNLIMITED, LimitKeys(""))
        lane = self._take_lane() if place is None else place.next()
        slack_ms = self._slack.ms
        command = commands.reserve(
            keys,
            self._keys.queue,
            lane,
            want,
            self._own,
            step=step,
            slack_ms=slack_ms,
            ahead_ms=AHEAD_MS,
        )
        asked = time.monotonic()
        try:
            grant = await self._link.deliver(command)
        except ServerError as error:
            self._refused(error)
            return Tokens(0, 0.0, 0.0, _REFUSED, keys)
        if place is None:
            self._lanes.append(lane)
        answered, lead_s = time.monotonic(), grant.lead_ms / 1000
        self._slack.note(answered - asked)
        self._note(grant.in_force)
        self._metrics.tokens_taken += grant.count
        self._publish(TokensTaken, keys, grant, grant.count)
        self._refusals.over()
        start_by = asked + lead_s + slack_ms / 1000
        return Tokens(grant.count, answered + lead_s, start_by, grant, keys)

    async def renew(self, old: Tokens, n: int) -> Tokens:
        """Trade ``n`` tokens that are too old, or nearly, for others that start the same jobs.

        The link is slow, or the loop was blocked.  Where that fails as well, what comes back is
        too old for any job: all of them go back to their list, and the next claim waits a moment,
        longer each time in a row.
        """
        self.give_back(old, n)
        await self.refunded()
        new = await self.reserve(n, step=n)
        if new.left >= n and self._are_in_time(new):
            return new
        wait_ms = new.grant.wait_ms if new.left < n else self._late_wait_ms()
        self.give_back(new, new.left)
        refused = replace(_REFUSED, wait_ms=wait_ms or LOOK_AGAIN_MS)
        return Tokens(0, 0.0, 0.0, refused, new.keys)

    async def wait_for(self, n: int) -> int:
        """Wait until a part of a batch may be run again: return how many of its ``n`` jobs, now.

        Fewer only where the limit was lowered below the batch.
        """
        while self.is_on:
            tokens = await self.reserve(n, step=n)
            if tokens.left and self._are_in_time(tokens):
                await tokens.due()
                return tokens.left
            wait_s = self._late_wait_ms() / 1000 if tokens.left else tokens.wait_s
            self.give_back(tokens, tokens.left)
            await asyncio.sleep(max(wait_s, self._slack.ms / 1000))
        return n

    def is_usable(self, tokens: Tokens, *, spare_s: float) -> bool:
        """Whether tokens are of the limit in force now, with so much time left to start jobs."""
        is_present = tokens.grant is _UNLIMITED or tokens.keys == self._limit_keys
        return is_present and tokens.start_by - time.monotonic() >= spare_s

    def give_back(self, tokens: Tokens, n: int) -> None:
        """Give back ``n`` tokens that started no job, with others of this turn of the loop."""
        if n <= 0 or not tokens.grant.count:  # without a limit, or given back before
            return
        _, before = self._refunds.get(id(tokens), (tokens, 0))
        self._refunds[id(tokens)] = (tokens, before + n)
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._send_refunds)

    def unused(self, job: HeldJob) -> None:
        """Give back the token of a job that was let go before it started."""
        tokens = job.take_tokens()
        if tokens is not None:
            self.give_back(tokens, 1)

    async def refunded(self) -> None:
        """Wait for what is given back to arrive, for a moment."""
        if self._is_due:
            self._send_refunds()
        if self._refunding:
            await asyncio.wait(self._refunding, timeout=END_S)

    async def end(self) -> None:
        """Give back what is left; after a period it is free anyway."""
        await self.refunded()
        for refund in self._refunding:
            refund.cancel()

    def shown(self) -> dict[str, object] | None:
        """Return the limit in force for people; None where there is none, or it is not known."""
        if self._limit_keys is None or self.in_force is None:
            return None
        return {
            "key": self._limit_keys.key,
            "count": self.in_force.count,
            "period_s": self.in_force.period_ms / 1000,
            "is_mismatch": self.in_force.is_mismatch,
        }

    def _send_refunds(self) -> None:
        self._is_due = False
        refunds, self._refunds = self._refunds, {}
        for tokens, n in refunds.values():
            refund = self._spawn(self._refund(tokens, n))
            self._refunding.add(refund)
            refund.add_done_callback(self._refunding.discard)

    async def _refund(self, tokens: Tokens, n: int) -> None:
        lane = self._take_lane()
        command: Command[int] = commands.refund(
            tokens.keys, self._keys.queue, lane, tokens.grant, n
        )
        try:
            await self._link.deliver(command)
        except ServerError as error:  # they come back by themselves when their period is over
            self._refused(error)
        else:
            self._lanes.append(lane)
            self._metrics.tokens_returned += n
            self._publish(TokensReturned, tokens.keys, tokens.grant, n)

    def _publish(
        self, kind: type[TokensTaken | TokensReturned], keys: LimitKeys, grant: Grant, n: int
    ) -> None:
        if n and bus.wants(kind):
            bus.publish(kind(self._keys.queue, keys.key, n, grant.at_ms))

    def _are_in_time(self, tokens: Tokens) -> bool:
        """Whether tokens that have just come may start jobs; say so once in a row if not."""
        left_s = tokens.start_by - time.monotonic()
        if left_s >= 0:
            self._late, self._is_slow = 0, False
            return True
        self._late += 1
        self._slack.was_too_short()
        if self._slack.is_longest and not self._is_slow:  # else the next ones have more time
            took_ms = round(self._slack.ms - left_s * 1000)
            extra = {"queue": self._keys.queue, "took_ms": took_ms, "most_ms": self._slack.ms}
            logger.warning("rate_limit_slow", extra=extra)
            self._is_slow = True
        return False

    def _late_wait_ms(self) -> int:
        return min(LOOK_AGAIN_MS, (LATE_WAIT_MS << min(self._late, 10)) // 2)

    def _take_lane(self) -> Lane:
        last = self._lanes.pop() if self._lanes else Lane(secrets.token_hex(8), 0)
        return Lane(last.name, last.number + 1)

    def _note(self, in_force: InForce) -> None:
        """Say once where other queues that share the key have a stricter limit."""
        self.in_force = in_force
        if in_force == self._said:
            return
        self._said = in_force
        if in_force.is_mismatch:
            extra = {
                "queue": self._keys.queue,
                "own_count": self._own.count,
                "own_period_s": self._own.period_ms / 1000,
                "count": in_force.count,
                "period_s": in_force.period_ms / 1000,
            }
            logger.warning("rate_limit_mismatched", extra=extra)

    def _refused(self, error: ServerError) -> None:
        if self._refusals.is_new(error):
            extra = {"queue": self._keys.queue, "reason": str(error)}
            logger.error("rate_limit_refused", extra=extra)


_NOTHING = InForce(0, 0, is_mismatch=False)
_UNLIMITED = Grant(0, 0, 0, 0, _NOTHING, 0)
_REFUSED = Grant(0, 0, 0, LOOK_AGAIN_MS, _NOTHING, 0)
