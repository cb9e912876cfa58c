"""``fake()``: nothing is sent to Redis, all is recorded."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from flume import recording
from flume.errors import ConfigurationError
from flume.testing.recorder import Recorder

P = ParamSpec("P")
R = TypeVar("R")


def fake() -> Fake:
    """Return a recorder that takes the place of Redis in a ``with`` block or a test.

    Arguments are checked as for sending: what Redis could not keep is refused here too.  Both
    clients are recorded, in all threads, and need no Redis.  Calls that would read from Redis
    are refused.  A block inside another records its own jobs alone.

    ::

        with fake() as sent:
            sign_up("ada@example.com")
        sent.assert_enqueued(send_email, "ada@example.com")

        sent = fake()

        @sent  # also above `async def`
        def test_sign_up() -> None: ...
    """
    return Fake()


class Fake(Recorder):
    """A recorder that can be put in the place of Redis, again and again, but not twice at once."""

    def __init__(self) -> None:
        super().__init__()
        self._entered: _Place | None = None

    def __enter__(self) -> Fake:
        place = _Place(self)
        with _changing:
            if self._entered is not None:
                raise ConfigurationError("this fake() is active already: make another for a test.")
            if _places and _places[-1].is_elsewhere():
                raise ConfigurationError(
                    "another thread or task is inside fake(), which records the whole process: "
                    "run such tests one after the other, or in processes of their own."
                )
            self.clear()
            self._entered = place
            _places.append(place)
            recording.active = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with _changing:
            place, self._entered = self._entered, None
            is_innermost = bool(_places) and _places[-1] is place
            _places[:] = [other for other in _places if other is not place]
            recording.active = _places[-1].recorder if _places else None
        if not is_innermost and error is None:
            raise ConfigurationError(
                "a fake() inside this one is still active, so that jobs were recorded there: "
                "end the inner one first."
            )

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Record while ``function`` runs, which may be async."""
        if inspect.isclass(function):
            raise TypeError(f"{function.__qualname__} is a class: decorate its test methods.")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{function.__qualname__} yields: use `with fake():` inside it.")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def recorded_async(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", recorded_async)

        @functools.wraps(function)
        def recorded(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return recorded


class _Place:
    """Where in the program a recorder was put in place."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._thread = threading.current_thread()
        self._task = _current_task()

    def is_elsewhere(self) -> bool:
        """Whether another thread or task is in there now, so that this one is not inside it."""
        if self._thread is not threading.current_thread():
            return self._thread.is_alive()
        task = _current_task()
        return self._task is not None and self._task is not task and not self._task.done()


_changing = threading.Lock()
_places: list[_Place] = []  # the innermost last


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs here
        return None
