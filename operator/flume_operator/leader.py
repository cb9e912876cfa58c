"""Leads while it holds a Lease: of several operators, one writes.

Who cannot renew stops by itself, before another can begin: ``is_leading`` turns false by the
clock, without an answer of anybody.  Ask it right before each write.  A process that is frozen
between that question and the write can still write late; Redis refuses it (the settings are
fenced by uid and generation), and a late server-side apply is repaired by the next leader.
``election`` has the rules.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from flume.health import Answer
from flume_operator.api import Api
from flume_operator.clocks import stamp, steady
from flume_operator.election import LeaseRecord, LeaseTimes, Patience
from flume_operator.errors import ApiError, ConflictError, MissingError
from flume_operator.objects import Key

KIND = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
RELEASED_DURATION_S = 1
"""Of a Lease that was given up: Kubernetes refuses 0."""
SOON_S = 0.2
"""Seconds until a renewal that failed is sent again."""

logger = logging.getLogger("flume_operator.leader")


class Leader:
    """Holds a Lease, or waits for it.

    Args:
        api: Of the cluster; one that does not ask whether this process leads.
        key: Of the Lease.
        identity: No other process may have it, not even the next one in the same pod.
        times: How the Lease is held.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        api: Api,
        key: Key,
        *,
        identity: str,
        times: LeaseTimes | None = None,
        clock: Callable[[], float] = steady,
    ) -> None:
        self.identity = identity
        self._api = api
        self._key = key
        self._times = times or LeaseTimes()
        self._clock = clock
        self._patience = Patience(identity, self._times, clock)
        self._until = float("-inf")
        self._lease: Mapping[str, Any] | None = None  # as last read or written
        self._complaint = ""  # said once, until a call succeeds

    @property
    def is_leading(self) -> bool:
        """Whether this process may write, now; any thread."""
        return self.left_s() > 0

    def left_s(self) -> float:
        """Return for how many seconds it may write, if no renewal succeeds; any thread."""
        return max(0.0, self._until - self._clock())

    def check(self) -> Answer:
        """Return whether the Lease can be reached, and a word on it; any thread."""
        return not self._complaint, self._complaint or "ok"

    async def run(
        self, stopping: asyncio.Event, lead: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Wait for the Lease, run ``lead`` while it is held, and so on until ``stopping`` is set.

        Args:
            stopping: The Lease is given up once ``lead`` has returned, so that another takes it
                within a second.
            lead: Returns when ``stopping`` is set; cancelled when the Lease is lost, and called
                again when it is won again.
        """
        try:
            while not stopping.is_set():
                if await self._won(stopping):
                    await self._term(lead)
        finally:
            await self._give_up()

    async def _won(self, stopping: asyncio.Event) -> bool:
        """Wait for the Lease; return False where ``stopping`` was set first."""
        while not stopping.is_set():
            wait_s = await self._try()
            if self.left_s() > 0:
                logger.info("leadership_won", extra={"identity": self.identity})
                return True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait_s)
        return False

    async def _try(self) -> float:
        """Take the Lease if it is free; return after how many seconds to try again."""
        try:
            async with asyncio.timeout(self._times.call_s):
                await self._read()
                left_s = self._patience.left_s()
                if left_s <= 0:
                    await self._write()
                self._complaint = ""
                return min(left_s, self._times.look_s) or self._times.look_s
        except ConflictError:  # another was faster
            pass
        except (ApiError, TimeoutError) as error:
            self._complain(error)
        return self._times.look_s

    async def _term(self, lead: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async with asyncio.TaskGroup() as tasks:
            leading = tasks.create_task(lead())
            renewing = tasks.create_task(self._renew())
            await asyncio.wait((leading, renewing), return_when=asyncio.FIRST_COMPLETED)
            leading.cancel()
            renewing.cancel()

    async def _renew(self) -> None:
        """Renew the Lease until it is lost."""
        wait_s = self._times.renew_s
        while self.left_s() > 0:
            await asyncio.sleep(min(wait_s, self.left_s()))
            if self.left_s() > 0:
                wait_s = await self._renew_once()
        reason = self._complaint or "this process stood still"
        if self._holder() != self.identity:
            reason = f"it is held by {self._holder() or 'nobody'}"
        extra = {"identity": self.identity, "reason": reason}
        logger.warning("leadership_lost", extra=extra)

    async def _renew_once(self) -> float:
        """Send one renewal; return after how many seconds the next is due."""
        try:
            async with asyncio.timeout(min(self._times.call_s, self.left_s())):
                await self._write()
            self._complaint = ""
            return self._times.renew_s
        except (ConflictError, MissingError):
            await self._look_who_holds_it()
        except (ApiError, TimeoutError) as error:
            self._complain(error)
        return SOON_S

    async def _look_who_holds_it(self) -> None:
        """Read the Lease after a conflict, and stop at once where another holds it.

        It may be our own renewal, whose answer was lost, or somebody's annotation.
        """
        with contextlib.suppress(ApiError, TimeoutError):
            async with asyncio.timeout(min(self._times.call_s, self.left_s())):
                await self._read()
            if self._lease is not None and self._holder() != self.identity:
                self._until = float("-inf")

    async def _read(self) -> None:
        try:
            self._lease = await self._api.get("Lease", self._key)
        except MissingError:
            self._lease = None
        self._patience.saw(_record_of(self._lease))

    async def _write(self) -> None:
        """Write the Lease as ours; whoever has changed it since it was read is not overwritten."""
        sent = self._clock()
        send = self._api.create if self._lease is None else self._api.replace
        self._lease = await send(self._ours())
        self._patience.saw(_record_of(self._lease))
        self._until = sent + self._times.term_s

    def _ours(self) -> dict[str, Any]:
        now = stamp()
        spec: dict[str, Any] = {"acquireTime": now, "leaseTransitions": 0}
        metadata: Mapping[str, Any] = {"name": self._key.name, "namespace": self._key.namespace}
        before = _record_of(self._lease)
        if self._lease is not None and before is not None:
            metadata = self._lease["metadata"]
            spec["leaseTransitions"] = before.transitions + 1
            if before.holder == self.identity:
                spec = dict(self._lease["spec"])
        spec["holderIdentity"] = self.identity
        spec["leaseDurationSeconds"] = self._times.duration_s
        spec["renewTime"] = now
        return {**KIND, "metadata": metadata, "spec": spec}

    async def _give_up(self) -> None:
        """Stop, and tell rivals that they need not wait."""
        self._until = float("-inf")
        with contextlib.suppress(ApiError, TimeoutError):
            async with asyncio.timeout(self._times.margin_s):
                for _ in range(2):  # once more, where a renewal was on its way
                    if self._holder() != self.identity:
                        return
                    with contextlib.suppress(ConflictError):
                        await self._release()
                        return
                    await self._read()

    async def _release(self) -> None:
        lease = self._ours()
        lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": RELEASED_DURATION_S}
        await self._api.replace(lease)
        logger.info("leadership_released", extra={"identity": self.identity})

    def _holder(self) -> str:
        record = _record_of(self._lease)
        return "" if record is None else record.holder

    def _complain(self, error: Exception) -> None:
        reason = str(error) or f"no answer within {self._times.call_s:g} s"
        if reason != self._complaint:
            self._complaint = reason
            extra = {"lease": str(self._key), "reason": reason}
            logger.warning("lease_not_reached", extra=extra)


def _record_of(lease: Mapping[str, Any] | None) -> LeaseRecord | None:
    if lease is None:
        return None
    metadata, spec = lease["metadata"], lease.get("spec") or {}
    return LeaseRecord(
        version=f"{metadata['uid']}/{metadata['resourceVersion']}",
        holder=spec.get("holderIdentity") or "",
        duration_s=spec.get("leaseDurationSeconds") or 0,
        transitions=spec.get("leaseTransitions") or 0,
    )
