"""What logs and spans say of an error: its type and where it was raised, never its text.

The text may hold what a job was about, or an address with a password.
"""

from __future__ import annotations

import traceback


def name_of(error: BaseException) -> str:
    """Return the name of an error's class, with its module where that is not Python's own."""
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def place_of(error: BaseException) -> str:
    """Return where an error was raised, as ``module.py:12 function``; empty where not known."""
    last = error.__traceback__
    if last is None:
        return ""
    while last.tb_next is not None:  # by hand: the library's way reads the source files
        last = last.tb_next
    code = last.tb_frame.f_code
    return f"{code.co_filename.rpartition('/')[2]}:{last.tb_lineno} {code.co_name}"


def frames_of(error: BaseException, *, most: int = 20) -> str:
    """Return the innermost frames of an error's traceback as text."""
    return "".join(traceback.format_tb(error.__traceback__)[-most:])
