"""The body of a job as it is kept in Redis: JSON, and only what comes back from it equal."""

from __future__ import annotations

from typing import Any, Final, NoReturn

import msgspec

from flume.errors import NotJsonError, PayloadTooLargeError, UnreadableJobError

DEFAULT_MAX_PAYLOAD: Final = 256 * 1024
"""Longest body, in bytes.  A claim of a hundred such jobs is 25 MiB already."""

DEEPEST: Final = 200
"""Levels of lists and dicts in a body.  Python 3.11 cannot read a thousand, its stack included."""

# Types that JSON keeps as they are.  float is not among them: nan and inf come back as null.
_FAITHFUL: Final = frozenset({str, int, bool, type(None)})

_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))

_LONGEST_INT: Final = 4000
"""Digits.  Python and msgspec read up to 4,300, sign included."""
_LONGEST_INT_BITS: Final = 13287  # 2 ** 13287 is the last power of two below 10 ** 4000

# Looked up by the names of a value's class and its parents, the nearest first.
_HINTS: Final = {
    "datetime": "Pass value.isoformat() and parse it in the handler.",
    "date": "Pass value.isoformat() and parse it in the handler.",
    "time": "Pass value.isoformat() and parse it in the handler.",
    "timedelta": "Pass value.total_seconds().",
    "tuple": "Pass a list.",
    "set": "Pass a sorted list.",
    "frozenset": "Pass a sorted list.",
    "bytes": "Pass base64.b64encode(value).decode().",
    "Decimal": "Pass str(value).",
    "UUID": "Pass str(value).",
    "Enum": "Pass value.value.",
    "BaseModel": "Pass value.model_dump(mode='json').",
    "Struct": "Pass msgspec.to_builtins(value).",
    "float": "JSON has neither nan nor infinity: pass None or a string.",
    "int": f"Pass whole numbers of up to {_LONGEST_INT:,} digits, or a string.",
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
    except (TypeError, ValueError, OverflowError) as error:  # a header, a lone surrogate
        raise _explain(body, str(error)) from error
    if len(data) > limit:
        raise PayloadTooLargeError(body.handler, size=len(data), limit=limit)
    if len(data) > _LONGEST_INT:
        _check_ints(body)
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
    _check_containers(args, "args")
    _check_containers(kwargs, "kwargs")


def _check_containers(value: Any, path: str) -> None:
    try:
        data = _encode(value)
        if data.count(b"[") + data.count(b"{") > DEEPEST and _is_too_deep(data, value):
            raise _too_deep(value, path)
        comes_back = bool(_decode_any(data) == value)
    except RecursionError:  # it may contain itself
        raise _too_deep(value, path) from None
    except (TypeError, ValueError, OverflowError):  # ValueError: also unicode and msgspec errors
        comes_back = False
    if not comes_back:
        _refuse(value, path)


def _is_too_deep(data: bytes, value: Any) -> bool:
    # Taking innermost pairs away settles what is wide and flat ten times faster than a walk.
    brackets = data.translate(None, _NO_BRACKETS)
    for _ in range(DEEPEST // 2):  # a pass takes one or two levels away
        before = len(brackets)
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not brackets:
            return False
        if len(brackets) == before:  # brackets in strings, which need not match
            break
    level = [value]
    for _ in range(DEEPEST):
        inside = (each.values() if isinstance(each, dict) else each for each in level)
        level = [item for items in inside for item in items if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _too_deep(value: Any, path: str) -> NotJsonError:
    kind = f"{type(value).__name__} nested too deeply"
    return NotJsonError(path, kind, f"Use up to {DEEPEST} levels.")


def _check_ints(body: Body) -> None:
    """Refuse an integer that is written without complaint and cannot be read again."""
    for path, value in (
        *((f"args[{i}]", v) for i, v in enumerate(body.args)),
        *body.kwargs.items(),
    ):
        is_long = type(value) is int and value.bit_length() > _LONGEST_INT_BITS
        if is_long and not _comes_back(value):
            raise NotJsonError(path, "int", _HINTS["int"])


def _comes_back(value: Any) -> bool:
    try:
        return bool(_decode_any(_encode(value)) == value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False


def _refuse(value: Any, path: str) -> NoReturn:
    """Raise for the innermost value that does not come back."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if not _comes_back(item):
                _refuse(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise NotJsonError(f"a key of {path}", type(key).__name__, "Use strings as keys.")
            if not _comes_back(key):
                raise NotJsonError(f"a key of {path}", type(key).__name__, _text_hint(key))
            if not _comes_back(item):
                _refuse(item, f"{path}[{key!r}]" if path != "kwargs" else key)
    raise NotJsonError(path, type(value).__name__, _hint(value))


def _hint(value: Any) -> str:
    if isinstance(value, str):
        return _text_hint(value)
    for kind in type(value).__mro__:
        if kind.__name__ in _HINTS and (kind is type(value) or kind not in (int, float)):
            return _HINTS[kind.__name__]
    if hasattr(value, "__dataclass_fields__"):
        return "Pass dataclasses.asdict(value)."
    return "Pass strings, numbers, lists, dicts."


def _text_hint(value: str) -> str:
    if type(value) is not str:
        return "Pass str(value)."
    return "It holds text that UTF-8 cannot encode."


def _explain(body: Body, error: str) -> NotJsonError:
    for name, value in (("args", body.args), ("kwargs", body.kwargs), ("headers", body.headers)):
        if not _comes_back(value):
            try:
                _refuse(value, name)
            except NotJsonError as refused:
                return refused
    return NotJsonError("the job", "Body", error)
