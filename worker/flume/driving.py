"""Drives operations: sends one step after the other, and gives each its reply.

An operation is a generator: it yields a ``Command``, a plain call (a tuple) or a ``Nap``, is sent
the reply, and returns the result.  How a step gets to Redis is left to who drives it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from flume.commands.command import Argument, Command

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Nap:
    """A step that only waits: nothing is sent for so many seconds."""

    seconds: float


Step = Command[Any] | tuple[Argument, ...] | Nap
Operation = Generator[Step, Any, T]


def drive(
    operation: Operation[T], run: Callable[[Command[Any]], Any], call: Callable[..., Any]
) -> T:
    """Return the result of an operation; a thread waits for each of its steps.

    Args:
        operation: What to do.
        run: Sends a command and returns its reply.
        call: Sends a plain call, whose parts are its arguments, and returns the reply.
    """
    reply = None
    while True:
        try:
            step = operation.send(reply)
        except StopIteration as ended:
            result: T = ended.value
            return result
        if isinstance(step, Command):
            reply = run(step)
        elif isinstance(step, Nap):
            time.sleep(step.seconds)
            reply = None
        else:
            reply = call(*step)


async def drive_async(
    operation: Operation[T],
    run: Callable[[Command[Any]], Awaitable[Any]],
    call: Callable[..., Awaitable[Any]],
) -> T:
    """Return the result of an operation, as ``drive`` does, on an event loop."""
    reply = None
    while True:
        try:
            step = operation.send(reply)
        except StopIteration as ended:
            result: T = ended.value
            return result
        if isinstance(step, Command):
            reply = await run(step)
        elif isinstance(step, Nap):
            await asyncio.sleep(step.seconds)
            reply = None
        else:
            reply = await call(*step)
