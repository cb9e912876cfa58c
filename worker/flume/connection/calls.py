"""A command as redis-py sends it, and what both kinds of connection are made with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hiredis import pack_command

from flume.commands.command import Argument, Command
from flume.commands.script import Script

# hiredis packs in C.  Its stub wants a tuple of one.
pack: Callable[[tuple[Argument, ...]], bytes] = pack_command  # type: ignore[assignment]

CONNECT_TIMEOUT = 5.0
"""Seconds until a connection must stand: longer than a SYN that was lost twice (3 s)."""


def evalsha(command: Command[Any], loaded: Script) -> tuple[Argument, ...]:
    """Return the call by digest, for a script that the server knows."""
    return ("EVALSHA", loaded.sha, len(command.keys), *command.keys, *command.args)


def eval_(command: Command[Any], loaded: Script) -> tuple[Argument, ...]:
    """Return the call with the script's text, which the server knows from then on."""
    return ("EVAL", loaded.source, len(command.keys), *command.keys, *command.args)
