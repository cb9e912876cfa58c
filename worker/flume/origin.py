"""What logs and spans say of an error: its type and where it came from, never its text.

The text may hold what a job was about, or an address with a password.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from types import TracebackType


def name_of(error: BaseException) -> str:
    """Return the name of an error's class, with its module where that is not Python's own."""
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


_app: set[str] = set()  # top packages of the modules that workers of this process have loaded


def note_app(modules: Iterable[str]) -> None:
    """Take note of whose code ``place_of`` is to show: that of these modules and their packages."""
    _app.update(name.partition(".")[0] for name in modules)


def place_of(error: BaseException) -> str:
    """Return where an error came from, as ``module.py:12 function``; empty where not known.

    That is the innermost place in the app's own code: the one inside a library would be the same
    for every caller.  Where none is the app's, it is the innermost of all.
    """
    step, last = error.__traceback__, None
    while step is not None:  # by hand: the library's way reads the source files
        if last is None or _is_app(step) or not _is_app(last):
            last = step
        step = step.tb_next
    if last is None:
        return ""
    code = last.tb_frame.f_code
    return f"{code.co_filename.rpartition('/')[2]}:{last.tb_lineno} {code.co_name}"


def _is_app(step: TracebackType) -> bool:
    return str(step.tb_frame.f_globals.get("__name__", "")).partition(".")[0] in _app


def frames_of(error: BaseException, *, most: int = 20) -> str:
    """Return the innermost frames of an error's traceback as text."""
    return "".join(traceback.format_tb(error.__traceback__)[-most:])
