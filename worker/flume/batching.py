"""Batch handlers: functions that get many jobs in one call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Generic, TypeVar, cast, overload

from flume.batch import Batch
from flume.errors import HandlerError
from flume.handler import Handler, check_function, decorator
from flume.options import NO_OPTIONS, Options

T = TypeVar("T")
R = TypeVar("R")


class BatchHandler(Handler[[T], R], Generic[T, R]):
    """A function that runs for many jobs at once; each of them is enqueued with one argument.

    Calling it calls the function, with a batch.
    """

    __slots__ = ()

    def __init__(
        self,
        function: Callable[[Batch[T]], R],
        *,
        name: str,
        aliases: Iterable[str] = (),
        options: Options = NO_OPTIONS,
        defaults: Options = NO_OPTIONS,
    ) -> None:
        # To whoever enqueues it is a function of one job's argument.
        of_one = cast("Callable[[T], R]", function)
        super().__init__(of_one, name=name, aliases=aliases, options=options, defaults=defaults)

    def __call__(self, batch: Batch[T], /) -> R:  # type: ignore[override]
        """Call the function itself, here and now; ``Batch.of(…)`` makes a batch for a test."""
        return self.function(batch)

    def __repr__(self) -> str:
        return f"<batch handler {self.name}>"


@overload
def batch_handler(function: Callable[[Batch[T]], R], /) -> BatchHandler[T, R]: ...
@overload
def batch_handler(
    *,
    name: str | None = None,
    aliases: Iterable[str] = (),
    max_retries: int | None = None,
    timeout: timedelta | None = None,
    backoff_initial: timedelta | None = None,
    backoff_max: timedelta | None = None,
) -> Callable[[Callable[[Batch[T]], R]], BatchHandler[T, R]]: ...
def batch_handler(
    function: Callable[[Batch[Any]], Any] | None = None,
    /,
    *,
    name: str | None = None,
    aliases: Iterable[str] = (),
    max_retries: int | None = None,
    timeout: timedelta | None = None,
    backoff_initial: timedelta | None = None,
    backoff_max: timedelta | None = None,
) -> Any:
    """Make a function of one ``Batch[T]`` a handler of jobs that have one argument, a ``T``.

    It is called once the pipeline's ``batchSize`` jobs are ready (100 where that is not set), or
    its ``batchTimeoutMilliseconds`` after the first of them became ready.  Async functions run on
    the worker's event loop, others in its threads.

    Args:
        function: The function.  A name is drawn from it: ``module.function``.
        name: Another name, such as one that stays when the function moves.
        aliases: Names of jobs that this handler runs too; they are not put together with others.
        max_retries: Runs of a job after the first; None: the pipeline's.
        timeout: Longest run of one call; None: the pipeline's.
        backoff_initial: Wait after a job's first failed run; None: the pipeline's.
        backoff_max: Longest wait between two runs; None: the pipeline's.

    Raises:
        HandlerError: If the function does not take one argument, is in ``__main__`` or in another
            function without a name, is a generator or a method, or an option is out of bounds.
        NameRefusedError: If the name cannot name a handler.
    """
    decorate = decorator(
        BatchHandler,
        _check_takes_a_batch,
        name=name,
        aliases=aliases,
        defaults=Options(max_retries, timeout, backoff_initial, backoff_max),
    )
    return decorate if function is None else decorate(function)


def _check_takes_a_batch(function: Callable[..., Any]) -> None:
    check_function(function)
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        raise HandlerError(
            f"{function.__qualname__}{inspect.signature(function)} cannot be called with a batch "
            "alone: a batch handler takes one argument, `def digest(batch: Batch[str])`."
        ) from None
