"""A server under test, workers on it, and a ledger of what their handlers did."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from flume import Client, Job
from flume.commands.client import Counts
from flume.commands.command import text
from flume.handler import Handler
from flume.keys import Keys
from tests.support.processes import Process, spawn_worker
from tests.support.proxy import Proxy, proxied
from tests.support.servers import Server
from tests.support.waiting import wait_until

MODULE = "tests.chaos_app.jobs"
QUEUE = "chaos"
LEASE = 2.0
"""Seconds: short, so that tests are; above four beats."""


@dataclass(frozen=True, slots=True)
class Run:
    """A moment in one run of a job: its start or its end."""

    job_id: str
    pid: int
    at: float
    """By ``time.monotonic()``, which all processes of a machine share."""


class Stage:
    """Everything that a test of this folder plays with.

    Args:
        server: Under test.
        ledger: Where handlers note their runs; nobody kills it.
        folder: For gates and logs.
    """

    def __init__(self, server: Server, ledger: Server, folder: Path) -> None:
        self.server = server
        self.keys = Keys(QUEUE)
        self.client = Client(server.url)
        self.workers: list[Process] = []
        self.environment = {"CHAOS_LEDGER": ledger.url, "CHAOS_GATES": str(folder / "gates")}
        self._notes = redis.Redis.from_url(ledger.url)
        self._folder = folder
        self._gates = folder / "gates"
        self._gates.mkdir()
        self._stack = ExitStack()
        self._stack.callback(self._notes.close)
        self._stack.callback(self.client.close)

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def proxy(self) -> Proxy:
        """Return a proxy in front of the server, which outlives the workers started after it."""
        return self._stack.enter_context(proxied(self.server.port))

    def worker(
        self,
        url: str | None = None,
        *,
        lease: float = LEASE,
        waits: bool = True,
        **options: object,
    ) -> Process:
        """Start a worker and return once it claims; options are those of ``flume worker``."""
        arguments = ["--queue", QUEUE, "--module", MODULE, "--lease", f"{lease:g}"]
        for name, value in options.items():
            arguments += [f"--{name.replace('_', '-')}", str(value)]
        process = self._stack.enter_context(
            spawn_worker(
                *arguments,
                url=url or self.server.url,
                log=self._folder / f"worker-{len(self.workers)}.log",
                environment=self.environment,
            )
        )
        self.workers.append(process)
        if waits:
            process.wait_for_output('"worker_started"', 20)
        return process

    def enqueue(
        self, handler: Handler[..., Any], *args: Any, count: int = 1, url: str | None = None
    ) -> set[str]:
        """Enqueue ``count`` jobs of one kind and return their ids."""
        jobs: list[Job] = [handler.job(*args) for _ in range(count)]
        if url is None:
            self.client.enqueue_many(QUEUE, jobs)
        else:
            with Client(url) as client:
                client.enqueue_many(QUEUE, jobs)
        return {job.id for job in jobs}

    def open_gate(self, name: str) -> None:
        """Let jobs pass that wait at the gate."""
        (self._gates / name).touch()

    def call(self, *arguments: str | int) -> Any:
        """Send a plain command to the server under test."""
        return self.server.call(*arguments)

    def counts(self) -> Counts:
        """Count the jobs in the server under test."""
        return self.client.queue(QUEUE).counts()

    def total(self, counter: str) -> int:
        """Return one counter of the queue."""
        return self.counts().totals.get(counter, 0)

    def settled(self) -> bool:
        """Whether nothing waits and nothing runs."""
        counts = self.counts()
        return not (counts.ready + counts.running + counts.scheduled + counts.retrying)

    def wait_until_settled(self, timeout: float = 20.0) -> None:
        """Return once nothing waits and nothing runs."""
        try:
            wait_until(self.settled, timeout)
        except TimeoutError as error:
            raise TimeoutError(f"after {timeout:g} s there is still {self.counts()}") from error

    def wait_until_started(self, ids: set[str], timeout: float = 20.0) -> None:
        """Return once each of the jobs has begun to run."""
        wait_until(lambda: self.starts().keys() >= ids, timeout, what=f"{len(ids)} started jobs")

    def wait_until_ended(self, ids: set[str], timeout: float = 20.0) -> None:
        """Return once the handler of each of the jobs has come to its end."""
        wait_until(lambda: self.ends().keys() >= ids, timeout, what=f"the end of {len(ids)} jobs")

    def starts(self) -> Counter[str]:
        """Return how often each job was started."""
        return self._tally("starts")

    def ends(self) -> Counter[str]:
        """Return how often the handler of each job came to its end."""
        return self._tally("ends")

    def runs(self) -> list[Run]:
        """Return every start, the oldest first."""
        return self._moments("runs")

    def ended(self) -> list[Run]:
        """Return every end, the oldest first."""
        return self._moments("ended")

    def dead(self) -> list[str]:
        """Return the ids of the dead jobs."""
        return [job.id for job in self.client.queue(QUEUE).dead.list(limit=200)]

    def _tally(self, name: str) -> Counter[str]:
        return Counter({text(key): int(n) for key, n in self._notes.hgetall(name).items()})

    def _moments(self, name: str) -> list[Run]:
        lines = [text(line).split() for line in self._notes.lrange(name, 0, -1)]
        return [Run(job_id, int(pid), float(at)) for job_id, pid, at in lines]


def events(process: Process, *names: str) -> list[dict[str, Any]]:
    """Return the log lines of a worker that report one of ``names``, or all."""
    lines = [line for line in process.output.splitlines() if line.startswith("{")]
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [line for line in found if not names or line["event"] in names]
