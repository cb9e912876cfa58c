"""The body of a job as it is kept in Redis: JSON, and only what comes back from it equal."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from flume.errors import NotJsonError, PayloadTooLargeError, UnreadableJobError

DEFAULT_MAX_PAYLOAD: Final = 256 * 1024
"""Longest body, in bytes.  A claim of a hundred such jobs is 25 MiB already."""

# Types that JSON keeps as they are.  float is not among them: nan and inf come back as null.
_FAITHFUL: Final = frozenset({str, int, bool, type(None)})

_HINTS: Final = {
    "datetime": "Pass value.isoformat() and parse it in the handler.",
    "date": "Pass value.isoformat() and parse it in the handler.",
    "tuple": "Pass a list.",
    "set": "Pass a sorted list.",
    "frozenset": "Pass a sorted list.",
    "bytes": "Pass base64.b64encode(value).decode().",
    "Decimal": "Pass str(value).",
    "UUID": "Pass str(value).",
    "float": "JSON has neither nan nor infinity: pass None or a string.",
}


class Body(msgspec.Struct, omit_defaults=True):
    """What Redis keeps of a job.

    ``handler`` comes first in the JSON: scripts read it from there without parsing the rest.
    """

    handler: str
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    attempts: int = 0
    """Runs that ended in a failure that was charged."""
    max_retries: int | None = None
    timeout_s: float | None = None
    backoff_initial_s: float | None = None
    backoff_max_s: float | None = None
    headers: dict[str, str] = {}
    error: str | None = None
    """The last failure, for people."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Body).decode
_decode_any = msgspec.json.Decoder().decode


def encode(body: Body) -> bytes:
    """Return ``body`` as JSON."""
    return _encode(body)


def encode_new(body: Body, *, limit: int = DEFAULT_MAX_PAYLOAD) -> bytes:
    """Return the body of a new job as JSON, after checking that it can be kept.

    Args:
        body: What to keep.
        limit: Longest result, in bytes.

    Raises:
        NotJsonError: If an argument does not come back equal.
        PayloadTooLargeError: If the result is longer than ``limit``.
    """
    check_arguments(body.args, body.kwargs)
    try:
        data = _encode(body)
    except (TypeError, ValueError, UnicodeEncodeError) as error:  # a header, a lone surrogate
        raise _explain(body, str(error)) from error
    if len(data) > limit:
        raise PayloadTooLargeError(body.handler, size=len(data), limit=limit)
    return data


def decode(data: bytes) -> Body:
    """Return the body that ``data`` holds.

    Raises:
        UnreadableJobError: If it is not the JSON of a body.
    """
    try:
        return _decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadableJobError(
            f"the body of {len(data):,} bytes cannot be read: {type(error).__name__}. It is kept "
            "as it is: look at it with `flume dead list --json`."
        ) from error


def check_arguments(args: list[Any], kwargs: dict[str, Any]) -> None:
    """Check that all arguments come back from JSON equal.

    Raises:
        NotJsonError: If one does not; it names the path, the type and what to pass instead.
    """
    # The exact type test settles nearly every call without an encoding of its own.
    for value in args:
        if type(value) not in _FAITHFUL:
            break
    else:
        if not kwargs:
            return
        for value in kwargs.values():
            if type(value) not in _FAITHFUL:
                break
        else:
            return
    if not _comes_back(args):
        _refuse(args, "args")
    if not _comes_back(kwargs):
        _refuse(kwargs, "kwargs")


def _comes_back(value: Any) -> bool:
    try:
        return bool(_decode_any(_encode(value)) == value)
    except (TypeError, ValueError, RecursionError):  # ValueError: also unicode and msgspec errors
        return False


def _refuse(value: Any, path: str) -> None:
    """Raise for the innermost value that does not come back."""
    if type(value) is list:
        for index, item in enumerate(value):
            if not _comes_back(item):
                _refuse(item, f"{path}[{index}]")
    elif type(value) is dict:
        for key, item in value.items():
            if not isinstance(key, str):
                raise NotJsonError(f"a key of {path}", type(key).__name__, "Use strings as keys.")
            if not _comes_back(item):
                _refuse(item, f"{path}[{key!r}]" if path != "kwargs" else key)
    name = type(value).__name__
    hint = "It holds text that UTF-8 cannot encode." if isinstance(value, str) else ""
    raise NotJsonError(path, name, hint or _HINTS.get(name, "Pass strings, numbers, lists, dicts."))


def _explain(body: Body, error: str) -> NotJsonError:
    for name, value in (("args", body.args), ("kwargs", body.kwargs), ("headers", body.headers)):
        if not _comes_back(value):
            try:
                _refuse(value, name)
            except NotJsonError as refused:
                return refused
    return NotJsonError("the job", "Body", error)
