"""Where a worker may find handlers: in or below the modules it was told to load."""

import importlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flume.errors import HandlerError
from flume.handler import defined_below, lifespan, registry


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
