"""Handlers: their names, and the functions they stand for."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from flume.errors import HandlerError, NameRefusedError
from flume.handler import Handler, handler, ref, registry


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a test defines out of other tests."""
    monkeypatch.setattr(registry, "handlers", [])
    monkeypatch.setattr(registry, "lifespans", [])


def test_calling_a_handler_calls_its_function() -> None:
    """Code that calls the function goes on to work when it becomes a handler."""

    @handler(name="add")
    def add(one: int, other: int = 1) -> int:
        """Add."""
        return one + other

    assert add(1, other=2) == 3
    assert repr(add) == "<handler add>"
    assert add.is_async is False


async def test_calling_an_async_handler_gives_what_to_await() -> None:
    """As with the function itself."""

    @handler(name="add")
    async def add(one: int) -> int:
        return one + 1

    assert await add(1) == 2
    assert add.is_async is True


def test_a_handler_of_the_started_script_needs_a_name() -> None:
    """Its name would begin with __main__, which is another module in the worker."""

    def send() -> None: ...

    send.__module__, send.__qualname__ = "__main__", "send"

    with pytest.raises(HandlerError, match=r"\(__main__\).*@handler\(name=…\)"):
        handler(send)
    assert handler(name="app.send")(send).name == "app.send"


def test_a_function_inside_a_function_needs_a_name() -> None:
    """Nobody can import it, and its own name has brackets."""
    with pytest.raises(HandlerError, match="defined inside a function, where no worker finds it"):

        @handler
        def send() -> None: ...

    with pytest.raises(HandlerError, match="<lambda> is defined inside a function"):
        handler(lambda: None)


def test_what_no_worker_could_run_is_refused_with_a_name_too() -> None:
    """A generator's body never runs, and a method lacks its object."""

    def numbers() -> Iterator[int]:
        yield 1

    async def more() -> AsyncIterator[int]:
        yield 1

    class Mailer:
        """Has a method."""

        def send(self, to: str) -> None: ...

        @staticmethod
        def post(to: str) -> None: ...

    for function in (numbers, more):
        with pytest.raises(HandlerError, match="yields; a handler returns"):
            handler(name="a")(function)
    with pytest.raises(HandlerError, match="is a method, and a worker has no self"):
        handler(name="a")(Mailer.send)
    for thing in (Mailer, functools.partial(print), 5):
        with pytest.raises(HandlerError, match="is no function"):
            handler(name="a")(thing)  # type: ignore[arg-type]
    assert handler(name="a")(Mailer.post).name == "a"


@pytest.mark.parametrize("name", ["", "a b", "1a", "a{b}"])
def test_a_name_outside_its_character_set_is_refused(name: str) -> None:
    """An empty one too: it must not fall back to the function's."""

    def send() -> None: ...

    with pytest.raises(NameRefusedError):
        handler(name=name)(send)
    with pytest.raises(NameRefusedError):
        handler(name="send", aliases=[name])(send)
    with pytest.raises(NameRefusedError):
        ref(name)


def test_a_handlers_own_arguments_never_collide_with_ours() -> None:
    """Any name that Python allows for a parameter is the handler's."""

    @handler(name="all")
    def takes_all(**kwargs: int) -> int:
        return sum(kwargs.values())

    names = ["self", "handler", "queue", "wait", "when", "args", "kwargs", "name", "options", "job"]
    kwargs = dict.fromkeys(names, 1)

    assert takes_all(**kwargs) == len(names)
    assert takes_all.job(**kwargs).kwargs == kwargs
    assert takes_all.using(max_retries=1).job(**kwargs).kwargs == kwargs
    assert ref("all").job(**kwargs).kwargs == kwargs


def test_each_job_has_an_id_of_its_own() -> None:
    """The id is drawn with the job, so that sending it again is the same job."""

    @handler(name="send")
    def send(to: str) -> None: ...

    assert send.job("ada").id != send.job("ada").id


def test_a_wrapped_function_keeps_its_place() -> None:
    """Decorators that use functools.wraps are common between a handler and its function."""

    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def logging(*args: Any) -> Any:
            return function(*args)

        return logging

    def send(to: str) -> str:
        return to

    send.__qualname__ = "send"
    made: Handler[..., Any] = handler(logged(send))

    assert made.name == f"{__name__}.send"
    assert made("ada") == "ada"
