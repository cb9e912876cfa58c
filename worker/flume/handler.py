"""Handlers: the functions that run for a job, and the jobs made from them."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Generic, ParamSpec, TypeVar, overload

from flume.codec import Body
from flume.errors import HandlerError
from flume.job import Job, new_id
from flume.keys import check_handler

P = ParamSpec("P")
R = TypeVar("R")

_ANY_HOUR = timedelta(0)


@dataclass(frozen=True, slots=True)
class Options:
    """What a job takes with it; None leaves it to the handler, then to the pipeline."""

    max_retries: int | None = None
    """Runs after the first."""
    timeout: timedelta | None = None
    """Longest run."""
    backoff_initial: timedelta | None = None
    backoff_max: timedelta | None = None
    headers: Mapping[str, str] | None = None
    unique: str | None = None
    """While a live job of the queue holds this key, enqueueing returns that job instead."""
    unique_for: timedelta | None = None
    """Longest time the unique key is held; None: until the job ends."""

    def __post_init__(self) -> None:
        if self.max_retries is not None and not 0 <= self.max_retries <= 1000:
            raise HandlerError(f"max_retries is {self.max_retries}; use 0 to 1000.")
        for name in ("timeout", "backoff_initial", "backoff_max", "unique_for"):
            value = getattr(self, name)
            if value is not None and value <= _ANY_HOUR:
                raise HandlerError(f"{name} is {value}; use more than 0.")
        if self.unique_for is not None and self.unique is None:
            raise HandlerError("unique_for needs unique: the key whose hold it limits.")
        if self.unique is not None and not 0 < len(self.unique) <= 512:
            raise HandlerError(f"unique has {len(self.unique)} characters; use 1 to 512.")

    def over(self, below: Options) -> Options:
        """Return these options, with ``below`` where this leaves one open."""
        if self == _NO_OPTIONS:
            return below
        names = self.__slots__
        mine = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return replace(below, **mine)


_NO_OPTIONS = Options()


class _Named(Generic[P]):
    """Something jobs can be made for: a name and the options that go with it."""

    __slots__ = ("_plain", "name", "options")

    def __init__(self, name: str, options: Options) -> None:
        self.name = check_handler(name)
        self.options = options
        self._plain = options == _NO_OPTIONS

    def job(self, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Return a job for these arguments, with its id drawn: sending it twice is safe."""
        if self._plain:
            return Job(new_id(), Body(self.name, list(args), kwargs))
        options = self.options
        body = Body(
            self.name,
            list(args),
            kwargs,
            max_retries=options.max_retries,
            timeout_s=_seconds(options.timeout),
            backoff_initial_s=_seconds(options.backoff_initial),
            backoff_max_s=_seconds(options.backoff_max),
            headers=dict(options.headers or {}),
        )
        hold = round((_seconds(options.unique_for) or 0) * 1000)
        return Job(new_id(), body, unique=options.unique, unique_for_ms=hold)


class Handler(_Named[P], Generic[P, R]):
    """A function that runs for a job.  Calling it calls the function."""

    __slots__ = ("aliases", "defaults", "function", "is_async")

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str,
        aliases: Iterable[str] = (),
        options: Options = _NO_OPTIONS,
        defaults: Options = _NO_OPTIONS,
    ) -> None:
        super().__init__(name, options)
        self.function = function
        self.aliases = tuple(check_handler(alias) for alias in aliases)
        self.defaults = defaults  # of the handler: read by the worker, not sent with each job
        self.is_async = inspect.iscoroutinefunction(function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, here and now."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<handler {self.name}>"

    def using(
        self,
        *,
        max_retries: int | None = None,
        timeout: timedelta | None = None,
        backoff_initial: timedelta | None = None,
        backoff_max: timedelta | None = None,
        headers: Mapping[str, str] | None = None,
        unique: str | None = None,
        unique_for: timedelta | None = None,
    ) -> Handler[P, R]:
        """Return this handler with options for the jobs made from it.

        Raises:
            HandlerError: If an option is out of bounds.
        """
        options = Options(
            max_retries, timeout, backoff_initial, backoff_max, headers, unique, unique_for
        ).over(self.options)
        return Handler(
            self.function,
            name=self.name,
            aliases=self.aliases,
            options=options,
            defaults=self.defaults,
        )


class Ref(_Named[...]):
    """Stands for a handler that cannot be imported here."""

    __slots__ = ()

    def using(self, **options: Any) -> Ref:
        """Return this reference with options for its jobs; the names are those of ``Options``."""
        return Ref(self.name, Options(**options).over(self.options))


def ref(name: str) -> Ref:
    """Return a stand-in for the handler ``name``, for apps that cannot import it.

    Raises:
        NameRefusedError: If ``name`` cannot name a handler.
    """
    return Ref(name, _NO_OPTIONS)


class _Registry:
    """Every handler and lifespan that modules of this process have defined."""

    def __init__(self) -> None:
        self.handlers: list[Handler[..., Any]] = []
        self.lifespans: list[Callable[[], Any]] = []

    def add(self, found: Handler[..., Any]) -> None:
        same = (found.name, found.function.__module__)  # a module that was loaded again
        self.handlers = [h for h in self.handlers if (h.name, h.function.__module__) != same]
        self.handlers.append(found)


registry = _Registry()


@overload
def handler(function: Callable[P, R], /) -> Handler[P, R]: ...
@overload
def handler(
    *,
    name: str | None = None,
    aliases: Iterable[str] = (),
    max_retries: int | None = None,
    timeout: timedelta | None = None,
    backoff_initial: timedelta | None = None,
    backoff_max: timedelta | None = None,
) -> Callable[[Callable[P, R]], Handler[P, R]]: ...
def handler(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    aliases: Iterable[str] = (),
    max_retries: int | None = None,
    timeout: timedelta | None = None,
    backoff_initial: timedelta | None = None,
    backoff_max: timedelta | None = None,
) -> Handler[P, R] | Callable[[Callable[P, R]], Handler[P, R]]:
    """Make a function a handler.

    Async functions run on the worker's event loop, others in its threads.

    Args:
        function: The function.  A name is drawn from it: ``module.function``.
        name: Another name, such as one that stays when the function moves.
        aliases: Names of jobs that this handler runs too, such as its former ones.
        max_retries: Runs after the first; None: the pipeline's.
        timeout: Longest run; None: the pipeline's.
        backoff_initial: Wait after the first failed run; None: the pipeline's.
        backoff_max: Longest wait between two runs; None: the pipeline's.

    Raises:
        HandlerError: If the function is in ``__main__`` without a name, is a generator or a
            method, or an option is out of bounds.
        NameRefusedError: If the name cannot name a handler.
    """
    defaults = Options(max_retries, timeout, backoff_initial, backoff_max)

    def decorate(function: Callable[P, R]) -> Handler[P, R]:
        made = Handler(
            function,
            name=name or _default_name(function),
            aliases=aliases,
            defaults=defaults,
        )
        registry.add(made)
        return made

    return decorate if function is None else decorate(function)


def _default_name(function: Callable[..., Any]) -> str:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise HandlerError(f"{function.__qualname__} yields; a handler returns when it is done.")
    if function.__module__ == "__main__":
        raise HandlerError(
            f"{function.__qualname__} is defined in the script that was started (__main__), "
            "which no worker can import by that name. Move it into a module, or give it a name: "
            "@handler(name=…)."
        )
    return f"{function.__module__}.{function.__qualname__}"


def lifespan(function: Callable[[], Any]) -> Callable[[], Any]:
    """Open something once a worker: an async generator function with one ``yield``.

    What stands before the yield runs before the first claim, what stands after it runs once all
    jobs have ended.  Several run in the order of their definition, and close in reverse.

    Raises:
        HandlerError: If it is not an async generator function.
    """
    if not inspect.isasyncgenfunction(function):
        raise HandlerError(
            f"{getattr(function, '__qualname__', function)!s} must be an async generator function: "
            "`async def` with one `yield`."
        )
    registry.lifespans.append(function)
    return function


def defined_below(modules: Iterable[str]) -> tuple[dict[str, Handler[..., Any]], list[Any]]:
    """Return the handlers by name and the lifespans defined in or below ``modules``.

    A name that comes from Redis is only ever looked up in this dict, so it can import nothing.

    Raises:
        HandlerError: If two functions claim one name.
    """
    roots = tuple(modules)

    def belongs(module: str) -> bool:
        return any(module == root or module.startswith(f"{root}.") for root in roots)

    found: dict[str, Handler[..., Any]] = {}
    for item in registry.handlers:
        if not belongs(item.function.__module__):
            continue
        for name in (item.name, *item.aliases):
            other = found.setdefault(name, item)
            if other is not item:
                raise HandlerError(
                    f"two handlers are named {name!r}: {other.function.__module__}."
                    f"{other.function.__qualname__} and {item.function.__module__}."
                    f"{item.function.__qualname__}. Rename one, or drop the alias."
                )
    return found, [item for item in registry.lifespans if belongs(item.__module__)]


def _seconds(value: timedelta | None) -> float | None:
    return None if value is None else value.total_seconds()


AnyHandler = Handler[..., Any]
AsyncFunction = Callable[..., Awaitable[Any]]
