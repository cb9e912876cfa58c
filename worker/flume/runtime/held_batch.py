"""A batch that a worker has claimed, from the claim until the last of its jobs is settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from flume.current import HeldJob


class HeldBatch(msgspec.Struct, eq=False):
    """Jobs of one handler that were claimed together."""

    jobs: list[HeldJob]
    held: int
    """How many of them the worker has not let go."""
    called: Sequence[HeldJob] = ()
    """Those that the call under way was made with."""
    started_at: float = 0.0
    """When that call began; monotonic s, 0 between two calls."""
    timeout_s: float = 0.0
    ending: str = ""
    """Why that call is being stopped: ``timeout``, ``lost`` or ``shutdown``."""
    task: Any = None
    """What runs it, once it did not end at once."""


def in_batches(jobs: list[HeldJob], size: int) -> list[HeldBatch]:
    """Return the jobs of one claim in batches of ``size``, the last of which may be short."""
    batches = []
    for start in range(0, len(jobs), size):
        part = jobs[start : start + size]
        batch = HeldBatch(part, len(part))
        for job in part:
            job.batch = batch
        batches.append(batch)
    return batches
