"""What a job takes with it besides its arguments, and the bounds of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flume.errors import HandlerError

_NO_TIME = timedelta(0)
_LONGEST_TIME = timedelta(days=3660)  # ten years; anything longer is a slip of units


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
            if value is not None and not (
                isinstance(value, timedelta) and _NO_TIME < value <= _LONGEST_TIME
            ):
                raise HandlerError(
                    f"{name} is {value!r}; use a timedelta above 0 and up to "
                    f"{_LONGEST_TIME.days} days."
                )
        if self.unique_for is not None and self.unique is None:
            raise HandlerError("unique_for needs unique: the key whose hold it limits.")
        if self.unique is not None:
            _check_unique(self.unique)
        if self.headers is not None:
            _check_headers(self.headers)

    def changed(self, **options: Any) -> Options:
        """Return these options with others in their place; None leaves one as it is.

        Raises:
            HandlerError: If an option is out of bounds.
        """
        given = {name: value for name, value in options.items() if value is not None}
        if given.get("headers"):
            given["headers"] = dict(given["headers"])  # the caller's may change later
        return replace(self, **given) if given else self


def _check_unique(unique: str) -> None:
    if not isinstance(unique, str):
        raise HandlerError(f"unique is a {type(unique).__name__}; use a string.")
    if not 0 < len(unique) <= 512:
        raise HandlerError(f"unique has {len(unique)} characters; use 1 to 512.")
    if not _is_text(unique):
        raise HandlerError("unique holds text that UTF-8 cannot encode.")


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not (_is_text(name) and _is_text(value)):
            raise HandlerError(
                f"the header {name!r} is a {type(value).__name__} or holds text that UTF-8 cannot "
                "encode; use strings for names and values."
            )


def _is_text(value: object) -> bool:
    """Whether it is a string that every worker can read again."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:  # a lone surrogate
        return False


NO_OPTIONS = Options()
