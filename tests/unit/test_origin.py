"""Where an error came from: the app's own code, and not the library that it called."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from flume import origin


@pytest.fixture(autouse=True)
def app(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a worker have loaded ``shop.jobs``, and nothing else."""
    monkeypatch.setattr(origin, "_app", set())
    origin.note_app(["shop.jobs"])


def function(module: str, source: str, **known: object) -> Callable[[], None]:
    """Return the function ``run`` of a module with this source."""
    made = ModuleType(module)
    made.__dict__.update(known)
    path = f"/somewhere/{module.replace('.', '/')}.py"
    exec(compile(source, path, "exec"), made.__dict__)
    found: Callable[[], None] = made.__dict__["run"]
    return found


def raised_by(run: Callable[[], None]) -> Exception:
    """Return what ``run`` raises."""
    with pytest.raises(BrokenPipeError) as caught:
        run()
    return caught.value


def test_the_innermost_place_of_the_app_is_shown() -> None:
    """The line inside a library is the same for all of its callers."""
    library = function("library.client", "def run():\n  raise BrokenPipeError")
    helper = function("shop.mail", "\ndef run():\n  send()", send=library)
    handler = function("shop.jobs", "def run():\n  helper()", helper=helper)

    assert origin.place_of(raised_by(handler)) == "mail.py:3 run"


def test_a_library_that_calls_back_into_the_app_hides_nothing() -> None:
    """The callback is the app's as well, and it is what failed."""
    callback = function("shop.mail", "def run():\n  raise BrokenPipeError")
    library = function("library.client", "def run():\n  call()", call=callback)
    handler = function("shop.jobs", "def run():\n  library()", library=library)

    assert origin.place_of(raised_by(handler)) == "mail.py:2 run"


def test_without_a_part_of_the_app_the_innermost_place_is_shown() -> None:
    """It is all that is known, and ``shopping`` is another package than ``shop``."""
    inner = function("library.client", "def run():\n  raise BrokenPipeError")
    outer = function("shopping.jobs", "def run():\n  inner()", inner=inner)

    assert origin.place_of(raised_by(outer)) == "client.py:2 run"
    assert "shop" not in sys.modules


def test_an_error_that_was_never_raised_has_no_place() -> None:
    """An unreadable body is such an error."""
    assert origin.place_of(OSError()) == ""
