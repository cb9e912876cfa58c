"""The tokens that one fetcher claims with, reserved while the claim before is under way.

One after the other, the two calls would take over a third of the throughput.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from flume.runtime.limiter import SPARE_S, START_S, Limiter, Place, Tokens


class Allowance:
    """Reserves tokens for the claims of one fetcher.

    Args:
        limiter: Of the worker.
        spawn: Starts a task of the worker's group.
    """

    def __init__(
        self,
        limiter: Limiter,
        *,
        spawn: Callable[[Coroutine[Any, Any, Tokens]], asyncio.Task[Tokens]],
    ) -> None:
        self._limiter = limiter
        self._spawn = spawn
        self._place = Place()
        self._ahead: asyncio.Task[Tokens] | None = None

    @property
    def is_limited(self) -> bool:
        """Whether claims need tokens."""
        return self._limiter.is_on

    async def take(self, want: int, *, step: int, goes_on: bool) -> Tokens | None:
        """Return tokens for up to ``want`` jobs; None where there is no limit.

        Args:
            want: Most jobs of the claim.
            step: Take a multiple of this: the size of a batch.
            goes_on: Another claim like this one will follow: reserve for it meanwhile.
        """
        tokens = await self._taken_ahead()
        if want and self._limiter.is_on:
            if (
                tokens is None
                or tokens.left < min(want, step)
                or not self._limiter.is_usable(tokens, spare_s=SPARE_S)
            ):
                self._give_back(tokens)
                tokens = await self._reserve(want, step)
            if goes_on and not tokens.wait_s:  # where nothing is free nobody reserves ahead
                self._ahead = self._spawn(self._reserve(want, step))
            return tokens
        self._give_back(tokens)
        return None

    async def use(self, tokens: Tokens, n: int) -> Tokens:
        """Use ``n`` of the tokens for jobs that were claimed, and give back the rest.

        What comes back is what the jobs start with: others, where these have become too old.
        """
        tokens.left -= n
        self._give_back(tokens)
        if not n or self._limiter.is_usable(tokens, spare_s=START_S):
            return tokens
        return await self._limiter.renew(tokens, n)

    async def drop(self) -> None:
        """Give back what was reserved for a claim that does not follow."""
        self._give_back(await self._taken_ahead())

    def _reserve(self, want: int, step: int) -> Coroutine[Any, Any, Tokens]:
        return self._limiter.reserve(want, step=step, place=self._place)

    def _give_back(self, tokens: Tokens | None) -> None:
        if tokens is not None and tokens.left > 0:
            n, tokens.left = tokens.left, 0
            self._limiter.give_back(tokens, n)

    async def _taken_ahead(self) -> Tokens | None:
        ahead, self._ahead = self._ahead, None
        return None if ahead is None else await ahead
