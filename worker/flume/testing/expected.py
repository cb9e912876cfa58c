"""What a test expects to have been enqueued, compared with what was, and told apart in words."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, Protocol

from flume.errors import ScheduleError
from flume.handler import Handler, Ref, registry
from flume.job import Job

SHOWN = 5
"""Jobs in a failure's message: the closest ones; a test that fails shows few at once."""
ROUNDING = timedelta(milliseconds=1)
"""How far a due time may be off: it is kept in ms."""


class Enqueued(Protocol):
    """A job that was enqueued."""

    @property
    def queue(self) -> str: ...
    @property
    def handler(self) -> str: ...
    @property
    def args(self) -> list[Any]: ...
    @property
    def kwargs(self) -> dict[str, Any]: ...
    @property
    def due(self) -> timedelta | datetime | None: ...


@dataclass(frozen=True, slots=True)
class Expected:
    """A job that a test expects; what is None may be anything."""

    handler: str
    args: list[Any] | None
    kwargs: dict[str, Any]
    queue: str | None
    due: timedelta | datetime | None
    function: Callable[..., Any] | None = None
    """The handler's, where the test has it."""

    def differences(self, job: Enqueued) -> list[str]:
        """Return in words what makes ``job`` another one, the gravest first."""
        if job.handler != self.handler:
            return [f"it is for {job.handler}"]
        found = []
        if self.queue is not None and job.queue != self.queue:
            found.append(f"it is in the queue {job.queue}, not {self.queue}")
        if self.args is not None:
            found += _argument_differences(*self._by_name(job, self.args))
        if self.due is not None and not _is_same_time(self.due, job.due):
            found.append(f"it is due {_due(job.due)}, not {_due(self.due)}")
        return found

    def _by_name(self, job: Enqueued, args: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return both jobs' arguments by parameter: how they were passed makes no difference."""
        functions = [self.function] if self.function else _functions(self.handler)
        for function in functions:
            signature = inspect.signature(function)
            try:
                mine = signature.bind(*args, **self.kwargs)
                return mine.arguments, signature.bind(*job.args, **job.kwargs).arguments
            except TypeError:  # they do not fit, as an app that uses a name may do
                pass
        return _numbered(args, self.kwargs), _numbered(job.args, job.kwargs)

    def __str__(self) -> str:
        if self.args is None:
            place = "" if self.queue is None else f" in the queue {self.queue}"
            time = "" if self.due is None else f" due {_due(self.due)}"
            return f"{self.handler} with any arguments{place}{time}"
        return shown(self.queue, self.handler, self.args, self.kwargs, self.due)


def expect(
    handler: Handler[..., Any] | Ref | str | Job,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    queue: str | None,
    due: timedelta | datetime | None,
) -> Expected:
    """Return what a test asks for.

    Raises:
        TypeError: If the job has its arguments already, or ``handler`` is no handler.
        ScheduleError: If ``due`` has no time zone.
    """
    if isinstance(due, datetime) and due.utcoffset() is None:
        raise ScheduleError(f"due is {due.isoformat()}, which has no time zone: use an aware one.")
    if isinstance(handler, Job):
        if args or kwargs:
            raise TypeError("a job has its arguments: pass none beside it")
        return Expected(handler.handler, handler.args, handler.kwargs, queue, due)
    if not isinstance(handler, Handler | Ref | str):
        raise TypeError(f"{handler!r} is no handler: put @handler above the function")
    name = handler if isinstance(handler, str) else handler.name
    function = handler.function if isinstance(handler, Handler) else None
    wanted = list(args) if args or kwargs else None
    return Expected(name, wanted, kwargs, queue, due, function)


def explain(
    expected: Expected, found: Sequence[Enqueued], jobs: Sequence[Enqueued], count: int | None
) -> str:
    """Return why an assertion failed, with the jobs that come closest."""
    if found:
        wanted = "none" if count == 0 else f"{count}"
        lines = [f"{len(found)} job(s) like this were enqueued, expected {wanted}:"]
        lines += [f"  {expected}", "These are:"]
        return "\n".join([*lines, *(f"  {job!r}" for job in found[:SHOWN])])
    wanted = "" if count is None else f", expected {count}"
    lines = [f"no job like this was enqueued{wanted}:", f"  {expected}"]
    if not jobs:
        return "\n".join([*lines, "Nothing was enqueued at all."])
    near = [job for job in jobs if job.handler == expected.handler]
    if near:
        near.sort(key=lambda job: len(expected.differences(job)))
        lines.append(f"{len(near)} job(s) of that handler were:")
        for job in near[:SHOWN]:
            lines.append(f"  {job!r}")
            lines += [f"    {difference}" for difference in expected.differences(job)]
        return "\n".join(lines)
    names = {job.handler for job in jobs}
    if meant := get_close_matches(expected.handler, names, n=1):
        lines.append(f"Did you mean {meant[0]}?")
    lines.append(f"{len(jobs)} job(s) of other handlers were:")
    return "\n".join([*lines, *(f"  {job!r}" for job in jobs[:SHOWN])])


def shown(
    queue: str | None,
    handler: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    due: timedelta | datetime | None,
) -> str:
    """Return a job as a call, for people."""
    arguments = [_short(item) for item in args]
    arguments += [f"{name}={_short(item)}" for name, item in kwargs.items()]
    place = "" if queue is None else f"{queue}: "
    time = "" if due is None else f" due {_due(due)}"
    return f"{place}{handler}({', '.join(arguments)}){time}"


def _functions(handler: str) -> list[Callable[..., Any]]:
    """Return the functions of a name, the newest first: tests may define some of one name."""
    known = reversed(registry.handlers)
    return [one.function for one in known if handler in (one.name, *one.aliases)]


def _numbered(args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    return {**{f"argument {number}": item for number, item in enumerate(args, 1)}, **kwargs}


def _argument_differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    differences = []
    for name in [*expected, *(name for name in found if name not in expected)]:
        if name not in found:
            differences.append(f"{name} is missing, expected {_short(expected[name])}")
        elif name not in expected:
            differences.append(f"{name} is {_short(found[name])}, expected none")
        elif expected[name] != found[name]:
            differences.append(f"{name} is {_short(found[name])}, not {_short(expected[name])}")
    return differences


def _is_same_time(expected: timedelta | datetime, found: timedelta | datetime | None) -> bool:
    if isinstance(expected, datetime) and isinstance(found, datetime):
        return abs(found - expected) <= ROUNDING
    if isinstance(expected, timedelta) and not isinstance(found, datetime):
        return abs((found or timedelta(0)) - expected) <= ROUNDING
    return False


def _due(due: timedelta | datetime | None) -> str:
    if due is None:
        return "at once"
    return f"at {due.isoformat()}" if isinstance(due, datetime) else f"in {due}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:150]}… ({len(text):,} characters)"
