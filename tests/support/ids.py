"""Ids of jobs, as many as a test needs."""

from __future__ import annotations

from collections.abc import Iterator

from flume.job import new_id


def new_ids(count: int) -> Iterator[str]:
    """Yield ``count`` new ids."""
    for _ in range(count):
        yield new_id()
