"""What pauses a queue or one of its workers, and resumes it."""

from __future__ import annotations

from flume.commands.command import Argument, Command, text
from flume.keys import Keys

CLIENT = "client"
ALL = "all"
"""Source of a pause of every queue under the prefix; ``keys.paused_key`` has the same value."""


def worker_source(worker_id: str) -> str:
    """Return the source that holds for one worker only."""
    return f"worker:{worker_id}"


def pause(keys: Keys, source: str, *, lasts_ms: int = 0, by: str, reason: str) -> Command[str]:
    """Let nobody claim; the reply is the id of this change.  ``lasts_ms`` 0 has no end."""
    args: list[Argument] = [source, lasts_ms, by, reason]
    return Command("pause", [keys.pause, keys.pauses], args, text)


def resume(keys: Keys, source: str) -> Command[str]:
    """Take away the pause of one source; the reply is the id of this change."""
    return Command("resume", [keys.pause, keys.pauses], [source], text)


def adopt(keys: Keys, source: str, value: str | bytes) -> Command[str]:
    """Make one source what is written elsewhere; the reply is the id of the last change."""
    return Command("adopt", [keys.pause, keys.pauses], [source, value], text)


def change_number(change: str) -> tuple[int, int]:
    """Return the id of a change as what can be compared; (0, 0) where it is none."""
    ms, _, sequence = change.partition("-")
    try:
        return int(ms), int(sequence)
    except ValueError:
        return 0, 0
