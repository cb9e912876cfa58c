"""Handlers: their names, their options, and where a worker may find them."""

import functools
import importlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flume.errors import HandlerError, NameRefusedError
from flume.handler import Handler, defined_below, handler, lifespan, ref, registry
from flume.options import Options


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a test defines out of other tests."""
    monkeypatch.setattr(registry, "handlers", [])
    monkeypatch.setattr(registry, "lifespans", [])


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Any]]:
    """Return a function that imports a module of this name and text, or imports it again."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a reload must see the new text
    names: list[str] = []

    def load(name: str, text: str) -> Any:
        path = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"from flume import handler, lifespan\n{text}", encoding="utf-8")
        importlib.invalidate_caches()
        names.append(name)
        known = sys.modules.get(name)
        return importlib.reload(known) if known else importlib.import_module(name)

    yield load
    for name in names:
        sys.modules.pop(name, None)
        sys.modules.pop(name.partition(".")[0], None)


def test_a_name_is_drawn_from_module_and_function(module: Callable[[str, str], Any]) -> None:
    """It is what `enqueue` is given where the handler cannot be imported."""
    app = module("app1", "@handler\ndef send(): ...\n@handler(aliases=['old'])\ndef post(): ...")

    assert app.send.name == "app1.send"
    assert app.post.name == "app1.post"
    assert app.post.aliases == ("old",)


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


def test_using_changes_neither_the_handler_nor_the_one_before() -> None:
    """A handler is shared by all of an app; options of one call must not reach another."""

    @handler(name="send", max_retries=9)
    def send(to: str) -> None: ...

    some = send.using(max_retries=3, headers={"a": "b"})
    more = some.using(timeout=timedelta(seconds=5))

    assert send.job("ada").body.max_retries is None
    assert send.job("ada").headers == {}
    assert some.job("ada").body.timeout_s is None
    assert (more.job("ada").body.max_retries, more.job("ada").body.timeout_s) == (3, 5.0)
    assert more.job("ada").headers == {"a": "b"}
    assert registry.handlers == [send]


def test_the_later_using_wins_and_leaves_the_rest() -> None:
    """Options are put together in steps: the app's own, then those of one call."""

    @handler(name="send")
    def send() -> None: ...

    changed = send.using(max_retries=3, unique="a").using(max_retries=0)

    assert (changed.options.max_retries, changed.options.unique) == (0, "a")


def test_a_limit_can_be_put_on_a_unique_key_that_was_given_before() -> None:
    """The two are checked together as they will be sent, not call by call."""

    @handler(name="send")
    def send() -> None: ...

    job = send.using(unique="a").using(unique_for=timedelta(hours=1)).job()

    assert (job.unique, job.unique_for_ms) == ("a", 3_600_000)


def test_options_of_a_handler_are_not_sent_with_each_job() -> None:
    """The worker reads them from the handler, so that a deployment changes waiting jobs too."""

    @handler(
        name="send",
        max_retries=9,
        timeout=timedelta(seconds=1),
        backoff_initial=timedelta(seconds=2),
        backoff_max=timedelta(seconds=3),
    )
    def send() -> None: ...

    assert send.defaults == Options(
        9, timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=3)
    )
    assert send.using(headers={"a": "b"}).defaults == send.defaults
    assert send.job().body.max_retries is None


def test_all_options_reach_the_job() -> None:
    """Each is a field of the body, in the unit of its name."""

    @handler(name="send")
    def send() -> None: ...

    job = send.using(
        max_retries=0,
        timeout=timedelta(seconds=1.5),
        backoff_initial=timedelta(milliseconds=20),
        backoff_max=timedelta(minutes=1),
        headers={"a": "b"},
        unique="key",
        unique_for=timedelta(seconds=1),
    ).job()

    body = job.body
    assert (body.max_retries, body.timeout_s, body.backoff_initial_s) == (0, 1.5, 0.02)
    assert (body.backoff_max_s, body.headers) == (60.0, {"a": "b"})
    assert (job.unique, job.unique_for_ms) == ("key", 1000)


def test_headers_are_taken_as_they_are_now() -> None:
    """The caller's dict may change later, between two jobs or while a job waits to be sent."""

    @handler(name="send")
    def send() -> None: ...

    headers = {"a": "b"}
    with_headers = send.using(headers=headers)
    first = with_headers.job()
    headers["a"] = first.headers["c"] = "changed"

    assert with_headers.job().headers == {"a": "b"}


def test_a_key_held_for_less_than_a_millisecond_is_not_held_for_ever() -> None:
    """0 ms means: until the job ends."""
    assert ref("a").using(unique="k", unique_for=timedelta(microseconds=1)).job().unique_for_ms == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_retries": -1}, "max_retries is -1; use 0 to 1000"),
        ({"max_retries": 1001}, "use 0 to 1000"),
        ({"timeout": timedelta(0)}, "timeout is datetime.timedelta"),
        ({"timeout": timedelta(seconds=-1)}, "above 0"),
        ({"timeout": 30}, "timeout is 30; use a timedelta"),
        ({"backoff_initial": timedelta(0)}, "backoff_initial"),
        ({"backoff_max": timedelta(days=4000)}, "up to 3660 days"),
        ({"unique_for": timedelta(hours=1)}, "unique_for needs unique"),
        ({"unique": "a", "unique_for": timedelta(0)}, "unique_for"),
        ({"unique": ""}, "unique has 0 characters"),
        ({"unique": "x" * 513}, "unique has 513 characters"),
        ({"unique": 5}, "unique is a int"),
        ({"unique": "a\ud800"}, "unique holds text that UTF-8 cannot encode"),
        ({"headers": {"a": 1}}, "the header 'a' is a int"),
        ({"headers": {1: "a"}}, "the header 1"),
        ({"headers": {"a": "\ud800"}}, "the header 'a'"),
        ({"headers": {"a": None}}, "the header 'a' is a NoneType"),
    ],
)
def test_an_option_out_of_bounds_is_refused_where_it_is_given(
    options: dict[str, Any], says: str
) -> None:
    """A worker could not read such a job; it would be found dead an hour later."""
    with pytest.raises(HandlerError, match=says):
        ref("app.send").using(**options)


def test_none_leaves_an_option_as_it_is() -> None:
    """Unset is not default: it leaves the choice to the handler, then to the pipeline."""
    assert ref("a").using(max_retries=2).using(max_retries=None).options.max_retries == 2


def test_a_worker_finds_what_is_defined_in_or_below_its_modules(
    module: Callable[[str, str], Any],
) -> None:
    """A name in Redis can never run, or import, anything else."""
    text = "@handler\ndef send(): ...\n@lifespan\nasync def pool():\n    yield\n"
    module("shop.jobs", text)
    module("shopper", text)
    module("jobs", text)

    handlers, lifespans = defined_below(["shop"])

    assert list(handlers) == ["shop.jobs.send"]
    assert [function.__module__ for function in lifespans] == ["shop.jobs"]
    assert list(defined_below(["jobs", "shopper"])[0]) == ["shopper.send", "jobs.send"]
    assert defined_below(["sho"]) == ({}, [])
    assert defined_below([]) == ({}, [])


def test_an_alias_finds_the_handler_that_has_it(module: Callable[[str, str], Any]) -> None:
    """Jobs that wait under a former name run on after the code has moved."""
    app = module("app2", "@handler(aliases=['old.send', 'app2.send'])\ndef send(): ...")

    found, _ = defined_below(["app2"])

    assert found == {"app2.send": app.send, "old.send": app.send}


@pytest.mark.parametrize(
    "second",
    [
        "@handler(name='a.send')\ndef post(): ...",
        "@handler(name='b.send', aliases=['a.send'])\ndef post(): ...",
    ],
)
def test_two_functions_of_one_module_cannot_have_one_name(
    module: Callable[[str, str], Any], second: str
) -> None:
    """One of them would never run, and which one would depend on their order."""
    module("app3", f"@handler(name='a.send')\ndef send(): ...\n{second}")

    with pytest.raises(HandlerError, match=r"'a\.send': app3\.send and app3\.post\. Rename one"):
        defined_below(["app3"])


def test_two_modules_cannot_have_one_name(module: Callable[[str, str], Any]) -> None:
    """Loaded into one worker, they would take each other's jobs."""
    module("app4", "@handler(name='send')\ndef send(): ...")
    module("app5", "@handler(name='send')\ndef send(): ...")

    assert list(defined_below(["app4"])[0]) == ["send"]
    with pytest.raises(HandlerError, match=r"two handlers are named 'send': app4\.send and app5"):
        defined_below(["app4", "app5"])


def test_a_module_that_is_loaded_again_replaces_what_it_defined(
    module: Callable[[str, str], Any],
) -> None:
    """A notebook or a reloading server loads modules again and again."""
    text = "@handler\ndef send(): ...\n@lifespan\nasync def pool():\n    yield\n"
    module("app6", text)
    again = module("app6", f"\n{text}")

    handlers, lifespans = defined_below(["app6"])

    assert handlers == {"app6.send": again.send}
    assert lifespans == [again.pool]


def test_lifespans_that_one_function_makes_are_all_kept() -> None:
    """An app with two databases makes its two pools with one function."""

    def pool_for(name: str) -> Callable[[], Any]:
        async def pool() -> AsyncIterator[None]:
            print_name = name
            assert print_name
            yield

        return lifespan(pool)

    pools = [pool_for("one"), pool_for("two")]

    assert defined_below([__name__])[1] == pools


def test_a_lifespan_is_an_async_generator_function() -> None:
    """What stands after its yield must run too."""

    async def returns() -> None: ...

    def yields() -> Iterator[None]:
        yield

    for function in (returns, yields):
        with pytest.raises(HandlerError, match="must be an async generator function"):
            lifespan(function)


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
