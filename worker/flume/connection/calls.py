"""A command as redis-py sends it, and what both kinds of connection are made with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hiredis import pack_command
from redis.exceptions import RedisError

from flume.commands.command import Argument, Command
from flume.commands.script import Script
from flume.errors import ConfigurationError

# hiredis packs in C.  Its stub wants a tuple of one.
pack: Callable[[tuple[Argument, ...]], bytes] = pack_command  # type: ignore[assignment]

CONNECT_TIMEOUT = 5.0
"""Seconds until a connection must stand: longer than a SYN that was lost twice (3 s)."""


SHORTEST_TIMEOUT = 0.001
"""In s.  The kernel counts in µs, and takes a time of 0 for "never"."""


def check_timeout(timeout: float) -> float:
    """Return ``timeout``.

    Raises:
        ConfigurationError: If it is not a time that can be waited for.
    """
    if not SHORTEST_TIMEOUT <= timeout < float("inf"):
        raise ConfigurationError(
            f"the timeout is {timeout:g} s: use at least {SHORTEST_TIMEOUT:g}. Calls always have "
            "one, so that no caller waits for ever."
        )
    return timeout


def evalsha(command: Command[Any], loaded: Script) -> tuple[Argument, ...]:
    """Return the call by digest, for a script that the server knows."""
    return ("EVALSHA", loaded.sha, len(command.keys), *command.keys, *command.args)


def eval_(command: Command[Any], loaded: Script) -> tuple[Argument, ...]:
    """Return the call with the script's text, which the server knows from then on."""
    return ("EVAL", loaded.source, len(command.keys), *command.keys, *command.args)


def maker(from_url: Callable[..., Any], url: str, **options: Any) -> Callable[[], Any]:
    """Return a function that makes connections of redis-py's, which it does not open.

    Args:
        from_url: That of a pool, which reads the URL.  The pool itself is left: it would count
            what it makes, and after 100 connections make no more, however few are open.
        url: Where Redis is.
        **options: For connections; those in the URL count before them.

    Raises:
        ConfigurationError: If the URL has an option that redis-py cannot use.
    """
    try:
        pool = from_url(url, **options)
        make = partial(pool.connection_class, **pool.connection_kwargs)
        make()  # looks at the options
    except (TypeError, ValueError, RedisError) as error:
        raise ConfigurationError(
            f"an option behind the ? of the Redis URL cannot be used: {str(error).rstrip('.')}."
        ) from error
    return make
