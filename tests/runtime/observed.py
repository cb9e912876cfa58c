"""Handlers of the workers that are watched from outside."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from flume import Discard, Retry, current_job, handler

logger = logging.getLogger("app")


@handler(name="deliver")
async def deliver(to: str) -> None:
    """Do nothing, well."""


@handler(name="deliver_sync")
def deliver_sync(to: str) -> None:
    """Do nothing, well, in a thread."""


@handler(name="fail")
async def fail(to: str) -> None:
    """Fail with what one should not log."""
    raise ValueError(f"no mailbox for {to}")


@handler(name="fail_sync")
def fail_sync(to: str) -> None:
    """Fail in a thread."""
    raise ValueError(f"no mailbox for {to}")


@handler(name="steer")
async def steer(to: str) -> None:
    """Ask for another run, then be dropped."""
    if current_job().attempt == 1:
        raise Retry(f"later: {to}")
    raise Discard(f"unsubscribed: {to}")


@handler(name="say")
async def say(word: str) -> None:
    """Log a line of the app's own."""
    logger.info("said %s", word, extra={"word": word, "level": "none of ours"})


@handler(name="hold")
async def hold() -> None:
    """Run until the worker stops."""
    await asyncio.Event().wait()


@handler(name="await_gate")
async def await_gate(fifo: str) -> None:
    """Run, and leave the event loop free, until somebody opens ``fifo`` to write."""
    await asyncio.to_thread(Path(fifo).read_bytes)


@handler(name="block")
async def block(fifo: str) -> None:
    """Block the event loop until somebody opens ``fifo`` to write."""
    await asyncio.sleep(0)
    Path(fifo).read_bytes()  # noqa: ASYNC240
