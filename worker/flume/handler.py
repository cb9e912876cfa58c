"""Handlers: the functions that run for a job, and the jobs made from them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

from flume.codec import Body
from flume.errors import HandlerError
from flume.job import Job, new_id
from flume.keys import check_handler
from flume.options import NO_OPTIONS, Options

__all__ = [
    "Handler",
    "Options",
    "Ref",
    "defined_below",
    "handler",
    "lifespan",
    "ref",
    "registry",
]

P = ParamSpec("P")
R = TypeVar("R")
H = TypeVar("H", bound="Handler[..., Any]")

_NO_TIME = timedelta(0)
_MS = timedelta(milliseconds=1)


class _Named(Generic[P]):
    """Something jobs can be made for: a name and the options that go with it."""

    __slots__ = ("_plain", "name", "options")

    def __init__(self, name: str, options: Options) -> None:
        self.name = check_handler(name)
        self.options = options
        self._plain = options == NO_OPTIONS

    def job(self, /, *args: P.args, **kwargs: P.kwargs) -> Job:
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
        hold = -(-(options.unique_for or _NO_TIME) // _MS)  # rounded up: 0 would be for ever
        return Job(new_id(), body, unique=options.unique, unique_for_ms=hold)

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
    ) -> Self:
        """Return this one with options for the jobs made from it.

        Raises:
            HandlerError: If an option is out of bounds.
        """
        options = self.options.changed(
            max_retries=max_retries,
            timeout=timeout,
            backoff_initial=backoff_initial,
            backoff_max=backoff_max,
            headers=headers,
            unique=unique,
            unique_for=unique_for,
        )
        return self._with(options)

    def _with(self, options: Options) -> Self:
        return type(self)(self.name, options)


class Handler(_Named[P], Generic[P, R]):
    """A function that runs for a job.  Calling it calls the function."""

    __slots__ = ("aliases", "defaults", "function", "is_async")

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str,
        aliases: Iterable[str] = (),
        options: Options = NO_OPTIONS,
        defaults: Options = NO_OPTIONS,
    ) -> None:
        super().__init__(name, options)
        self.function: Callable[..., R] = function
        self.aliases = tuple(check_handler(alias) for alias in aliases)
        self.defaults = defaults  # of the handler: read by the worker, not sent with each job
        self.is_async = inspect.iscoroutinefunction(function)

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, here and now."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<handler {self.name}>"

    def like(self, function: Callable[..., Any], *, options: Options | None = None) -> Self:
        """Return this handler with another function, or other options, in its place."""
        return type(self)(
            function,
            name=self.name,
            aliases=self.aliases,
            options=self.options if options is None else options,
            defaults=self.defaults,
        )

    def _with(self, options: Options) -> Self:
        return self.like(self.function, options=options)


class Ref(_Named[...]):
    """Stands for a handler that cannot be imported here."""

    __slots__ = ()


def ref(name: str) -> Ref:
    """Return a stand-in for the handler ``name``, for apps that cannot import it.

    Raises:
        NameRefusedError: If ``name`` cannot name a handler.
    """
    return Ref(name, NO_OPTIONS)


class _Registry:
    """Every handler and lifespan that modules of this process have defined."""

    def __init__(self) -> None:
        self.handlers: list[Handler[..., Any]] = []
        self.lifespans: list[Callable[[], Any]] = []

    def add(self, found: Handler[..., Any]) -> None:
        known = [
            h
            for h in self.handlers
            if h.name != found.name or not _is_same(h.function, found.function)
        ]
        self.handlers = [*known, found]

    def add_lifespan(self, found: Callable[[], Any]) -> None:
        # What one factory makes shares its code; a module that was loaded again has other code.
        code = getattr(found, "__code__", None)
        known = [
            f
            for f in self.lifespans
            if getattr(f, "__code__", None) is code or not _is_same(f, found)
        ]
        self.lifespans = [*known, found]


def _is_same(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Whether two functions have one place in the source: its module was loaded again."""
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


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
        HandlerError: If the function is in ``__main__`` or in another function without a name, is
            a generator or a method, or an option is out of bounds.
        NameRefusedError: If the name cannot name a handler.
    """
    decorate: Callable[[Callable[P, R]], Handler[P, R]] = decorator(
        Handler,
        check_function,
        name=name,
        aliases=aliases,
        defaults=Options(max_retries, timeout, backoff_initial, backoff_max),
    )
    return decorate if function is None else decorate(function)


def decorator(
    kind: Callable[..., H],
    check: Callable[[Callable[..., Any]], None],
    *,
    name: str | None,
    aliases: Iterable[str],
    defaults: Options,
) -> Callable[[Callable[..., Any]], H]:
    """Return what makes a function a handler of one kind, once it has passed ``check``."""

    def decorate(function: Callable[..., Any]) -> H:
        check(function)
        named = default_name(function) if name is None else name
        made = kind(function, name=named, aliases=aliases, defaults=defaults)
        registry.add(made)
        return made

    return decorate


def check_function(function: Callable[..., Any]) -> None:
    """Check that a worker can call it.

    Raises:
        HandlerError: If it is no function, yields, or is a method.
    """
    name = getattr(function, "__qualname__", None)
    if name is None or inspect.isclass(function):
        raise HandlerError(f"{function!r} is no function: put @handler above a `def`.")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise HandlerError(f"{name} yields; a handler returns when it is done.")
    owner, _, _ = name.rpartition(".")
    if owner and not owner.endswith("<locals>"):  # in a class: fine without self
        first = next(iter(inspect.signature(function).parameters), None)
        if first in ("self", "cls"):
            raise HandlerError(
                f"{name} is a method, and a worker has no {first} to call it with. Put @handler "
                "above a function of the module."
            )


def default_name(function: Callable[..., Any]) -> str:
    """Return the name that a function gets where none is given.

    Raises:
        HandlerError: If no worker would find it by that name.
    """
    if function.__module__ == "__main__":
        raise HandlerError(
            f"{function.__qualname__} is defined in the script that was started (__main__), "
            "which no worker can import by that name. Move it into a module, or give it a name: "
            "@handler(name=…)."
        )
    if "<" in function.__qualname__:  # f.<locals>.g, <lambda>
        raise HandlerError(
            f"{function.__qualname__} is defined inside a function, where no worker finds it. "
            "Move it to the top of its module, or give it a name: @handler(name=…)."
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
    registry.add_lifespan(function)
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
