"""Run a command line in the process of the test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from click.testing import CliRunner

from flume.cli import main
from flume.commands.worker import beat
from tests.support.rig import LEASE_MS, Worker


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it printed, line by line."""
        return self.out.splitlines()

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects that it printed, one a line."""
        return [msgspec.json.decode(line) for line in self.lines]


def flume(
    *args: str,
    url: str | None = None,
    given: str = "",
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run ``flume`` with ``args``, as if typed, with no terminal on either side.

    Args:
        *args: What stands behind ``flume``.
        url: Of the server; None leaves it to ``args`` and the environment.
        given: What standard input holds.
        environment: Added to that of the tests.
    """
    server = ("--redis", url) if url else ()
    env = {"FLUME_REDIS_URL": None, "FLUME_KEY_PREFIX": None, **(environment or {})}
    with CliRunner().isolation(given, env=env) as (out, err, _):
        code = main([*server, *args])
        return Ended(int(code), out.getvalue().decode(), err.getvalue().decode())


def report(worker: Worker, **record: Any) -> None:
    """Let a worker beat with what it tells people of itself."""
    worker.rig.run(
        beat(
            worker.rig.keys,
            worker.number,
            worker.name,
            msgspec.json.encode(record),
            lease_ms=LEASE_MS,
            away=False,
            settle_ms=0,
        )
    )
