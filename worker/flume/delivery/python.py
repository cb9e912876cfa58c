"""Handlers in this process: the modules a worker was told to load, and nothing beyond them."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import CodeType
from typing import Any

from flume.errors import ConfigurationError, LifespanError
from flume.handler import Handler, defined_below
from flume.origin import note_app, place_of


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
                await stack.enter_async_context(_opened(function))
            yield


@asynccontextmanager
async def _opened(function: Callable[[], AsyncGenerator[None]]) -> AsyncIterator[None]:
    """Run one lifespan, around what comes after it.

    Raises:
        LifespanError: If it raised itself; what it was opened for raises as it is.
    """
    passing: BaseException | None = None
    try:
        async with asynccontextmanager(function)():
            try:
                yield
            except BaseException as error:
                passing = error
                raise
    except Exception as error:
        if error is passing:
            raise
        name = f"{function.__module__}.{function.__qualname__}"
        reason = f"{type(error).__name__}: {error}".rstrip(".: ")
        raise LifespanError(
            f"the lifespan {name} failed ({_place_in(function, error)}): {reason}. A worker runs "
            "no job without its lifespans: mend it, or what it needs."
        ) from error


def _place_in(function: Callable[..., Any], error: Exception) -> str:
    """Return where a lifespan failed; where it begins if the fault is its form."""
    code: CodeType = function.__code__
    if any(frame.f_code is code for frame, _ in traceback.walk_tb(error.__traceback__)):
        return place_of(error)
    return f"{code.co_filename.rpartition('/')[2]}:{code.co_firstlineno} {code.co_name}"


def lead_clients(url: str, prefix: str) -> None:
    """Let a ``Client()`` of the app go to the Redis of its worker.  Call it before ``load``.

    What a handler enqueues would wait for ever on another Redis, or fail for want of one.
    """
    os.environ.pop("FLUME_REDIS_FILE", None)  # would count before; a url may name that file
    os.environ["FLUME_REDIS_URL"] = url
    os.environ["FLUME_KEY_PREFIX"] = prefix


def load(modules: Iterable[str]) -> Loaded:
    """Import ``modules`` and return the handlers defined in or below them.

    The working directory is importable, as it is for ``python -m``.

    Raises:
        ConfigurationError: If a module cannot be imported, or none has a handler.
        HandlerError: If two handlers claim one name.
    """
    names = tuple(modules)
    note_app(names)
    if "" not in sys.path:
        sys.path.insert(0, "")
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"the module {name!r} cannot be imported: {error}{_place(error)}. Run from the "
                "folder that holds it, or install the app into this environment."
            ) from error
        except Exception as error:  # the app's own
            raise ConfigurationError(
                f"the module {name!r} cannot be imported: {type(error).__name__}: "
                f"{error}{_place(error)}."
            ) from error
    handlers, lifespans = defined_below(names)
    if not handlers:
        raise ConfigurationError(
            f"no handler is defined in or below {', '.join(names) or 'no module'}: put @handler "
            "above a function there, or name the module that has it."
        )
    return Loaded(handlers, lifespans)


def _place(error: Exception) -> str:
    """Return where an app's module failed; nothing where it was not even found."""
    place = place_of(error)
    return f" ({place})" if ".py:" in place and "importlib" not in place else ""
