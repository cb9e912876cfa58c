"""Leaders for tests, in this process or in one that can be frozen.

``python -m tests.support.leading KUBECONFIG NAMESPACE`` prints whether it leads.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flume_operator.api import Api
from flume_operator.clocks import steady
from flume_operator.election import LeaseTimes
from flume_operator.errors import MissingError
from flume_operator.leader import Leader
from flume_operator.objects import Key
from tests.support.kube_api import opened_api
from tests.support.waiting import POLL_SECONDS, wait_until_async

LEASE = "flume-operator"
TIMES = LeaseTimes(duration_s=6, renew_s=0.5, margin_s=2.5, look_s=0.2, call_s=0.5)
"""Like those of the operator, and shorter."""


class Candidate:
    """A leader, and what it was let do."""

    def __init__(self, api: Api, namespace: str, identity: str) -> None:
        key = Key(namespace, LEASE)
        self.leader = Leader(api, key, identity=identity, times=TIMES)
        self.stopping = asyncio.Event()
        self.is_at_work = False
        self.terms = 0

    async def lead(self) -> None:
        """Work until told to stop."""
        self.terms += 1
        self.is_at_work = True
        try:
            await self.stopping.wait()
        finally:
            self.is_at_work = False


@contextlib.asynccontextmanager
async def standing(*candidates: Candidate) -> AsyncIterator[None]:
    """Let candidates run for the Lease; those that still do are told to stop at the end."""
    async with asyncio.TaskGroup() as tasks:
        for each in candidates:
            tasks.create_task(each.leader.run(each.stopping, each.lead))
        try:
            yield
        finally:
            for each in candidates:
                each.stopping.set()


@contextlib.asynccontextmanager
async def leading(first: Candidate, second: Candidate) -> AsyncIterator[Referee]:
    """Let one lead and another wait, before the eyes of a referee."""
    referee = Referee([first, second])
    with referee.watching():
        async with standing(first):
            await wait_until_async(lambda: first.is_at_work)
            async with standing(second):
                yield referee


class Referee:
    """Counts how often more than one of some leaders may write at the same moment."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._candidates = candidates
        self._over = threading.Event()
        self.looks = 0
        self.fouls = 0

    def watch(self) -> None:
        """Look every millisecond until it is over, in a thread of its own."""
        while not self._over.wait(0.001):
            leading = sum(each.leader.is_leading for each in self._candidates)
            self.looks += 1
            self.fouls += leading > 1

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block runs."""
        thread = threading.Thread(target=self.watch)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()


async def lease_when(
    api: Api, namespace: str, is_it: Callable[[Mapping[str, Any]], object]
) -> Mapping[str, Any]:
    """Return the Lease once it is as it should be; {} stands for none.

    Raises:
        TimeoutError: If that takes longer than 15 s.
    """
    async with asyncio.timeout(15):
        while True:
            try:
                lease = await api.get("Lease", Key(namespace, LEASE))
            except MissingError:
                lease = {}
            if is_it(lease):
                return lease
            await asyncio.sleep(POLL_SECONDS)


def holder_of(lease: Mapping[str, Any]) -> str:
    """Return who holds a Lease."""
    return str(lease.get("spec", {}).get("holderIdentity", ""))


async def print_whether_leading(kubeconfig: Path, namespace: str) -> None:
    """Stand for the Lease, and print the time and whether this leads, as fast as it goes."""
    async with opened_api(kubeconfig) as api:
        candidate = Candidate(api, namespace, "frozen")
        async with standing(candidate):
            while True:
                asked = steady()
                word = "leads" if candidate.leader.is_leading else "waits"
                print(asked, word, flush=True)  # noqa: T201
                await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(print_whether_leading(Path(sys.argv[1]), sys.argv[2]))
