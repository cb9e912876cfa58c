"""Every key that Flume keeps in Redis, and the rules for the names inside them.

All keys of a queue carry the hash tag ``{queue}``, so that one script may touch any of them, also
in a Redis Cluster; those of a rate limit carry ``{limit:KEY}``, where a limit that no other queue
shares has the key ``@email``.  With the prefix ``flume`` and the queue ``email``:

=============================  ======  ============================================================
key                            type    holds
=============================  ======  ============================================================
``flume:{email}:jobs``         hash    id -> body: the one copy, from enqueue until the end
``flume:{email}:ready:NAME``   list    ``ready_ms:id``, oldest first; one list for each handler
``flume:{email}:alone``        list    ``ready_ms:id NAME`` of suspects that wait to run alone
``flume:{email}:handlers``     set     every handler name seen in this queue
``flume:{email}:scheduled``    zset    ``id NAME`` -> due, ms since 1970 by Redis' clock
``flume:{email}:retrying``     zset    the same, for jobs that failed and run again
``flume:{email}:running``      zset    id -> lease deadline and fence in one integer (``Fence``)
``flume:{email}:suspects``     hash    id -> crashes while alone; from its first charged crash on
``flume:{email}:dead``         zset    id -> buried at, ms
``flume:{email}:unique``       hash    unique key -> ``id until_ms`` (0: until the job ends)
``flume:{email}:unique_of``    hash    id -> unique key
``flume:{email}:senders``      hash    lane -> ``number ms`` of the last applied call
``flume:{email}:wake:NAME``    zset    one marker that wakes one idle worker of that handler
``flume:{email}:settings``     hash    the live settings, their generation and their owner
``flume:{email}:pause``        hash    source -> ``until_ms since_ms by reason`` (0: no end)
``flume:{email}:pauses``       stream  one entry: its id is that of the last pause or resume
``flume:{email}:workers``      hash    worker number -> ``seen_ms id record``, ``next`` -> counter
``flume:{email}:clock``        hash    times of the queue's housekeeping, and the longest lease, ms
``flume:{email}:stats``        hash    counters, raised only by real transitions
``flume:queues``               set     every queue under this prefix (a slot of its own)
``flume:paused``               hash    ``all`` -> the pause of every queue (a slot of its own)
``flume:{limit:KEY}:ring``     string  the grants of a rate limit's window, counted by slot
``flume:{limit:KEY}:callers``  hash    queue -> what its settings say, and what it was granted
``flume:{limit:KEY}:senders``  hash    lane -> its last call and what that was told
=============================  ======  ============================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flume.errors import NameRefusedError

DEFAULT_PREFIX = "flume"

# No braces (they would end the hash tag), no space or colon (they separate fields inside values).
_QUEUE = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
_HANDLER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,199}")
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


def check_queue(name: str) -> str:
    """Return ``name`` if it can name a queue.

    Raises:
        NameRefusedError: If it is not 1–63 of ``a-z 0-9 . _ -``, starting and ending with a letter
            or digit.
    """
    if not isinstance(name, str) or not _QUEUE.fullmatch(name):
        raise NameRefusedError(
            f"{name!r} cannot name a queue: use 1 to 63 of a-z, 0-9, '.', '_' and '-', "
            "starting and ending with a letter or digit."
        )
    return name


def check_handler(name: str) -> str:
    """Return ``name`` if it can name a handler.

    Raises:
        NameRefusedError: If it is not 1–200 of ``A-Z a-z 0-9 . _ -``, starting with a letter or
            ``_``.
    """
    if not isinstance(name, str) or not _HANDLER.fullmatch(name):
        raise NameRefusedError(
            f"{name!r} cannot name a handler: use 1 to 200 of A-Z, a-z, 0-9, '.', '_' and '-', "
            "starting with a letter or '_'. A function inside another function needs "
            "@handler(name=…)."
        )
    return name


def check_prefix(prefix: str) -> str:
    """Return ``prefix`` if it can start our keys.

    Raises:
        NameRefusedError: If it is not 1–100 of ``A-Z a-z 0-9 . _ : -``.
    """
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise NameRefusedError(
            f"{prefix!r} cannot be a key prefix: use 1 to 100 of A-Z, a-z, 0-9, '.', '_', ':' "
            "and '-', starting with a letter or digit."
        )
    return prefix


def queues_key(prefix: str = DEFAULT_PREFIX) -> str:
    """Return the key of the set that names every queue."""
    return f"{prefix}:queues"


def paused_key(prefix: str = DEFAULT_PREFIX) -> str:
    """Return the key of the pause that holds for every queue."""
    return f"{prefix}:paused"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one queue."""

    queue: str
    prefix: str = DEFAULT_PREFIX

    def _key(self, name: str) -> str:
        return f"{self.prefix}:{{{self.queue}}}:{name}"

    @property
    def jobs(self) -> str:
        return self._key("jobs")

    def ready(self, handler: str) -> str:
        return self._key(f"ready:{handler}")

    def wake(self, handler: str) -> str:
        return self._key(f"wake:{handler}")

    @property
    def alone(self) -> str:
        return self._key("alone")

    @property
    def handlers(self) -> str:
        return self._key("handlers")

    @property
    def scheduled(self) -> str:
        return self._key("scheduled")

    @property
    def retrying(self) -> str:
        return self._key("retrying")

    @property
    def running(self) -> str:
        return self._key("running")

    @property
    def suspects(self) -> str:
        return self._key("suspects")

    @property
    def dead(self) -> str:
        return self._key("dead")

    @property
    def unique(self) -> str:
        return self._key("unique")

    @property
    def unique_of(self) -> str:
        return self._key("unique_of")

    @property
    def senders(self) -> str:
        return self._key("senders")

    @property
    def settings(self) -> str:
        return self._key("settings")

    @property
    def pause(self) -> str:
        return self._key("pause")

    @property
    def pauses(self) -> str:
        return self._key("pauses")

    @property
    def workers(self) -> str:
        return self._key("workers")

    @property
    def clock(self) -> str:
        return self._key("clock")

    @property
    def stats(self) -> str:
        return self._key("stats")


@dataclass(frozen=True, slots=True)
class LimitKeys:
    """The keys of one rate limit, which queues may share."""

    key: str
    prefix: str = DEFAULT_PREFIX

    @classmethod
    def private(cls, queue: str, prefix: str = DEFAULT_PREFIX) -> LimitKeys:
        """Return the keys of the limit that ``queue`` shares with no other."""
        return cls(f"@{queue}", prefix)  # no user's key can begin with @

    def _key(self, name: str) -> str:
        return f"{self.prefix}:{{limit:{self.key}}}:{name}"

    @property
    def ring(self) -> str:
        return self._key("ring")

    @property
    def callers(self) -> str:
        return self._key("callers")

    @property
    def senders(self) -> str:
        return self._key("senders")
