"""Handlers in this process: the modules a worker was told to load, and nothing beyond them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from flume.errors import ConfigurationError
from flume.handler import Handler, defined_below


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a worker may run."""

    handlers: dict[str, Handler[..., Any]]
    lifespans: list[Callable[[], AsyncGenerator[None]]]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Run the lifespans' first halves now and their second halves at the end, in reverse."""
        async with AsyncExitStack() as stack:
            for function in self.lifespans:
                await stack.enter_async_context(asynccontextmanager(function)())
            yield


def load(modules: Iterable[str]) -> Loaded:
    """Import ``modules`` and return the handlers defined in or below them.

    The working directory is importable, as it is for ``python -m``.

    Raises:
        ConfigurationError: If a module cannot be imported, or none has a handler.
        HandlerError: If two handlers claim one name.
    """
    names = tuple(modules)
    if "" not in sys.path:
        sys.path.insert(0, "")
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ConfigurationError(
                f"the module {name!r} cannot be imported: {error}. Run from the folder that holds "
                "it, or install the app into this environment."
            ) from error
    handlers, lifespans = defined_below(names)
    if not handlers:
        raise ConfigurationError(
            f"no handler is defined in or below {', '.join(names) or 'no module'}: put @handler "
            "above a function there, or name the module that has it."
        )
    return Loaded(handlers, lifespans)
