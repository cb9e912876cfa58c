"""Ask a Redis for what ``flume.doctor`` judges, without leaving a trace in it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flume.commands.command import Argument, text
from flume.doctor import Facts
from flume.keys import Keys, queues_key

if TYPE_CHECKING:
    from flume.connection import SyncConnections

PINGS = 100
TIMES = 10
"""Readings of Redis' clock; the one with the shortest round trip counts."""

KEY = "KEY"
"""Stands for a key of a queue in ``SAMPLES``."""

SAMPLES: Mapping[str, tuple[str, ...]] = {
    "BZPOPMIN": (KEY, "0.01"),
    "DEL": (KEY,),
    "EVAL": ("return 1", "1", KEY),
    "EVALSHA": ("0" * 40, "1", KEY),
    "EXISTS": (KEY,),
    "GET": (KEY,),
    "HDEL": (KEY, "f"),
    "HEXISTS": (KEY, "f"),
    "HGET": (KEY, "f"),
    "HGETALL": (KEY,),
    "HINCRBY": (KEY, "f", "0"),
    "HLEN": (KEY,),
    "HMGET": (KEY, "f"),
    "HRANDFIELD": (KEY,),
    "HSCAN": (KEY, "0"),
    "HSET": (KEY, "f", "v"),
    "HSETNX": (KEY, "f", "v"),
    "LINDEX": (KEY, "0"),
    "LLEN": (KEY,),
    "LPOP": (KEY,),
    "LTRIM": (KEY, "0", "-1"),
    "LPUSH": (KEY, "v"),
    "LRANGE": (KEY, "0", "0"),
    "LREM": (KEY, "0", "v"),
    "PERSIST": (KEY,),
    "PEXPIRE": (KEY, "1"),
    "RPUSH": (KEY, "v"),
    "SADD": (KEY, "m"),
    "SCARD": (KEY,),
    "SET": (KEY, "v"),
    "SETRANGE": (KEY, "0", "v"),
    "SISMEMBER": (KEY, "m"),
    "SMEMBERS": (KEY,),
    "TIME": (),
    "TYPE": (KEY,),
    "XADD": (KEY, "MAXLEN", "1", "*", "f", "v"),
    "XLEN": (KEY,),
    "XREAD": ("COUNT", "1", "STREAMS", KEY, "0-0"),
    "XREVRANGE": (KEY, "+", "-", "COUNT", "1"),
    "ZADD": (KEY, "XX", "0", "m"),
    "ZCARD": (KEY,),
    "ZMSCORE": (KEY, "m"),
    "ZRANGE": (KEY, "0", "0"),
    "ZRANGEBYSCORE": (KEY, "0", "0"),
    "ZREM": (KEY, "m"),
    "ZREVRANGE": (KEY, "0", "0"),
    "ZSCORE": (KEY, "m"),
}
"""Every command that Flume's scripts, clients and workers call, with arguments that it accepts."""


def probe(connections: SyncConnections, *, prefix: str, queue: str) -> Facts:
    """Return what is to be known of the server.

    Args:
        connections: To it.
        prefix: Start of the keys whose rights are tried.
        queue: Name of the queue whose keys are tried.

    Raises:
        ServerUnavailableError: If it does not answer.
        ServerRefusedError: If it refuses the user and password.
    """
    info = _ask(connections, "INFO", "ALL")
    user = _ask(connections, "ACL", "WHOAMI")
    refused, is_key_refused = _rights(connections, Keys(queue, prefix).jobs, queues_key(prefix))
    return Facts(
        info=None if info is None else _fields(text(info)),
        pings_s=_pings(connections),
        skew_s=_skew(connections),
        save=_setting(connections, "save"),
        appendfsync=_setting(connections, "appendfsync"),
        user=urlsplit(connections.url).username if user is None else text(user),
        prefix=prefix,
        refused=refused,
        is_key_refused=is_key_refused,
    )


def _ask(connections: SyncConnections, *call: Argument) -> Any:
    """Return the reply, or None where this user or this server has no such command."""
    (reply,) = connections.call_all([call])
    return None if isinstance(reply, Exception) else reply


def _fields(info: str) -> dict[str, str]:
    lines = (line.partition(":") for line in info.splitlines() if not line.startswith("#"))
    return {name: value for name, colon, value in lines if colon}


def _setting(connections: SyncConnections, name: str) -> str | None:
    reply = _ask(connections, "CONFIG", "GET", name)
    return text(reply[1]) if reply and len(reply) == 2 else None


def _pings(connections: SyncConnections) -> list[float]:
    times = []
    for _ in range(PINGS):
        start = time.perf_counter()
        if _ask(connections, "PING") is None:
            return []
        times.append(time.perf_counter() - start)
    return times


def _skew(connections: SyncConnections) -> float | None:
    """Return Redis' clock minus ours, in s, as of the reading that took least time."""
    readings = []
    for _ in range(TIMES):
        start, before = time.time(), time.perf_counter()
        reply = _ask(connections, "TIME")
        if reply is None:
            return None
        took = time.perf_counter() - before
        theirs = int(reply[0]) + int(reply[1]) / 1e6
        readings.append((took, theirs - (start + took / 2)))
    return min(readings)[1]


def _rights(
    connections: SyncConnections, key: str, shared_key: str
) -> tuple[list[str] | None, bool]:
    """Return the commands that are refused, and whether the keys are.

    Redis checks rights when a command is queued in a transaction, so that one which is discarded
    tries every right and runs nothing.  None: this user may not even do that.
    """
    if _ask(connections, "MULTI") is None:
        return None, False
    refused: list[str] = []
    is_key_refused = False
    tries: list[tuple[Argument, ...]] = [
        (name, *(key if arg is KEY else arg for arg in args)) for name, args in SAMPLES.items()
    ]
    tries.append(("SMEMBERS", shared_key))
    *replies, _ = connections.call_all([*tries, ("DISCARD",)])
    for (name, *_), reply in zip(tries, replies, strict=True):
        if not isinstance(reply, Exception):
            continue
        if "key" in str(
            reply
        ):  # "… to access a key" in one version, "… one of the keys" in another
            is_key_refused = True
        elif name not in refused:
            refused.append(str(name))
    return refused, is_key_refused
