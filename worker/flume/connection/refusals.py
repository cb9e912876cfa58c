"""What Redis answers when it does not do what was asked, as our errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import redis.exceptions as refused

from flume.commands.command import Command
from flume.commands.script import script
from flume.errors import (
    FlumeError,
    ForeignDataError,
    ServerError,
    ServerFullError,
    ServerRefusedError,
    ServerUnavailableError,
)

# Answers of a server that is starting, failing over, or not the primary any more.
_AWAY = ("LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "UNBLOCKED")
# Answers of a server that takes no writes until its disk or its replicas are well again.
_NO_WRITES = ("MISCONF", "NOREPLICAS")

_INSIDE = re.compile(r"@user_script: ?\d+: (?:@user_script: \d+: )?-?([A-Z]+) ")


def code_of(error: Exception) -> str:
    """Return the first word of an answer; Redis 6.2 wraps what a script is told in one more."""
    found = _INSIDE.search(str(error))
    return found[1] if found else str(error).split(" ", 1)[0]


def is_away(error: Exception) -> bool:
    """Whether a server is no primary, or not yet: its address may lead to another one now."""
    return isinstance(error, refused.ReadOnlyError | refused.MasterDownError) or (
        code_of(error) in _AWAY
    )


def translate(error: Exception, where: str) -> FlumeError:
    """Return our error for one of redis-py's."""
    first = code_of(error)
    if isinstance(error, refused.NoPermissionError) or first == "NOPERM":
        return ServerRefusedError(
            f"Redis at {where} refused a call: {str(error).removeprefix('NOPERM ')[:200]}. Grant "
            "this user what it lacks: `flume doctor` lists it."
        )
    if isinstance(error, refused.AuthenticationError) or first in ("NOAUTH", "WRONGPASS"):
        return ServerRefusedError(
            f"Redis at {where} refused the user or the password. Check both in the URL."
        )
    if isinstance(error, refused.ConnectionError | refused.TimeoutError | OSError) or (
        is_away(error)
    ):
        reason = str(error).rstrip(".")[:200] or type(error).__name__
        return ServerUnavailableError(
            f"Redis at {where} did not answer ({reason}). Check that it runs and can be reached "
            "from here."
        )
    if first == "OOM" or isinstance(error, refused.OutOfMemoryError):
        return ServerFullError(
            f"Redis at {where} is full: it refuses to store more, and nothing was stored. Raise "
            "maxmemory, or let workers drain the queues (they go on)."
        )
    if first in _NO_WRITES:
        return ServerUnavailableError(
            f"Redis at {where} takes no writes for now ({first}): check its disk, its replicas and "
            "its log."
        )
    if first == "WRONGTYPE" or "user_script" in str(error):
        return ForeignDataError(
            f"a script found data at {where} that Flume did not write ({str(error)[:200]}). "
            "Look at the queue's keys, or give Flume a key prefix of its own."
        )
    return ServerError(f"Redis at {where} refused a call: {str(error)[:200]}")


def foreign(command: Command[Any], found: Sequence[bytes], where: str) -> ForeignDataError | None:
    """Return an error that names the key of a wrong type."""
    expected = script(command.script).key_types(len(command.keys))
    for key, kind, allowed in zip(command.keys, found, expected, strict=False):
        name = kind.decode() if isinstance(kind, bytes) else str(kind)
        if name not in ("none", *allowed):
            return ForeignDataError(
                f"the key {key} at {where} is a {name}, and Flume keeps a "
                f"{' or '.join(allowed)} there. Rename or delete that key, or give Flume a key "
                "prefix of its own."
            )
    return None
