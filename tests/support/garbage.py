"""Contents that nobody of ours writes, for every type of key."""

from __future__ import annotations

from random import Random

from flume.commands.command import Argument, text
from tests.support.rig import Rig

VALUES = (
    b"",
    b" ",
    b"\0",
    b"nan",
    b"-nan",
    b"inf",
    b"-inf",
    b"0x10",
    b"1e400",
    b"9" * 400,
    b"-1",
    b"1.5",
    b"7",
    b"no number",
    b"nan nan",
    b"1 " + b"9" * 400,
    b"9" * 400 + b" 1 {}",
    b"9" * 400 + b":" + b"a" * 32 + b" send",
    b"1:" + b"g" * 32,
    b'{"handler":"send"',
    bytes(range(256)),
    Random(1).randbytes(32),
    Random(2).randbytes(300),
)
SCORES = (b"-inf", b"-1", b"0", b"1.5", b"9007199254740993", b"1e300", b"inf")
FIELDS = {
    "callers": ("orders", "emails"),
    "clock": ("beat", "hold", "prune", "turn", "cursor", "lease", "lease_until"),
    "pause": ("operator",),
    "settings": ("generation", "json", "owner", "uid", "created", "spec"),
    "stats": ("completed", "enqueued", "scheduled", "retried", "buried", "reclaimed", "cancelled"),
    "workers": ("next", "0", "1"),
}
"""What our hashes hold: the fields that scripts read by name."""


def spoil(rig: Rig, key: str, kind: str, value: bytes) -> None:
    """Fill ``key``, which is or becomes a ``kind``, with ``value``; what it held is still there.

    The values of a hash are replaced, for one field has one.
    """
    call = rig.call
    there = text(call("TYPE", key))
    kind = kind if there == "none" else there
    if kind == "string":
        call("SET", key, value)
    elif kind == "hash":
        fields: list[Argument] = [*call("HKEYS", key), *FIELDS.get(_name(key), ()), value]
        call("HSET", key, *(item for field in fields for item in (field, value)))
    elif kind == "list":
        call("LPUSH", key, value)
        call("RPUSH", key, value)
    elif kind == "stream":
        call("XADD", key, "*", value or b"empty", value)
    elif kind == "set":
        call("SADD", key, value)
    else:
        members = [(score, value + b"%d" % place) for place, score in enumerate(SCORES)]
        call("ZADD", key, *(item for member in members for item in member), 0, value)


def _name(key: str) -> str:
    return key.split("}:")[1]
