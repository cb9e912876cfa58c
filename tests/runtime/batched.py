"""Batch handlers of the tests."""

from __future__ import annotations

from typing import Any

from flume import Batch, BatchHandler, batch_handler


def batched(function: Any, name: str = "digest", **options: Any) -> BatchHandler[Any, Any]:
    """Return ``function`` as the batch handler ``name``."""
    made: BatchHandler[Any, Any] = batch_handler(name=name, **options)(function)
    return made


class Digest:
    """A batch handler that notes its calls and raises where it meets one of ``bad``."""

    def __init__(self, *bad: Any) -> None:
        self.calls: list[list[Any]] = []
        self.bad = set(bad)

    def run(self, batch: Batch[Any]) -> None:
        """Run a batch."""
        self.calls.append(batch.values)
        if self.bad & set(batch.values):
            raise ValueError("one of them is bad")

    def handler(self, *, is_async: bool = True, **options: Any) -> BatchHandler[Any, Any]:
        """Return it as a handler, async or sync."""

        async def digest(batch: Batch[Any]) -> None:
            self.run(batch)

        def digest_sync(batch: Batch[Any]) -> None:
            self.run(batch)

        return batched(digest if is_async else digest_sync, **options)
