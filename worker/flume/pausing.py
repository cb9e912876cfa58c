"""Pauses of queues and of single workers, as a client sets, clears, lists and awaits them.

Written once for both clients, as ``operations``.  That a paused worker claims nothing is the claim
script's work; what a worker knows of a pause is in ``runtime.pauses``.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flume import operations
from flume.commands import pausing as commands
from flume.commands.command import moment, text
from flume.commands.pausing import ALL, CLIENT, change_number, worker_source
from flume.driving import Nap, Operation
from flume.errors import ConfigurationError, PauseNotAcknowledgedError, WorkerNotFoundError
from flume.keys import Keys, paused_key, queues_key

SILENT_AFTER_S = 3.0
"""A worker that has not beaten for so long counts as dead: nobody waits for it."""
POLL_S = 0.02
"""Between two looks for acknowledgements: short beside a beat, long beside a look (1 ms)."""
LONGEST = timedelta(days=3650)
LONGEST_REASON = 1000
"""Characters: a sentence and a link, which every worker logs."""
ROUNDS = 3
"""Passes over all queues until the record that holds for all was the same before and after."""

_VALUE = re.compile(r"(\d{1,15}) (\d{1,15}) (\S+) ?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PauseInfo:
    """A pause that is in force."""

    source: str
    """``spec`` (the manifest), ``client``, ``all`` (every queue), or ``worker:`` and an id."""
    reason: str
    by: str
    """Who paused; empty where the record cannot be read."""
    since: datetime | None
    """By Redis' clock; None where the record cannot be read, which counts as paused."""
    until: datetime | None
    """When it ends by itself; None: it does not."""

    @property
    def worker(self) -> str | None:
        """Id of the one worker that it holds for; None: it holds for all."""
        return self.source.removeprefix("worker:") if self.source.startswith("worker:") else None


def read_pause(source: str, value: bytes, now_ms: int) -> PauseInfo | None:
    """Return what a record of a pause says; None where it is over."""
    found = _VALUE.fullmatch(text(value))
    if found is None:
        return PauseInfo(source, f"unreadable: {text(value)[:80]}", "", None, None)
    until_ms, since_ms = int(found[1]), int(found[2])
    if until_ms and until_ms <= now_ms:
        return None
    until = moment(until_ms) if until_ms else None
    return PauseInfo(source, found[4], found[3], moment(since_ms), until)


def pauses(keys: Keys) -> Operation[list[PauseInfo]]:
    """Return the pauses of a queue that are in force, those of single workers last."""
    now_ms = yield from _now_ms()
    found = _flat((yield ("HGETALL", keys.pause)))
    record = yield ("HGET", paused_key(keys.prefix), ALL)
    if record is not None:  # a queue that no worker has come to since has no copy
        found.setdefault(ALL, record)
    infos = (read_pause(source, value, now_ms) for source, value in found.items())
    return sorted((info for info in infos if info), key=lambda i: (i.worker is not None, i.source))


def pause(
    keys: Keys,
    *,
    reason: str | None,
    expires_in: timedelta | None,
    by: str | None,
    worker: str | None,
) -> Operation[str]:
    """Pause a queue, or one of its workers; returns the id of the change."""
    args = _words(reason, expires_in, by)
    source = yield from _source(keys, worker)
    if not (yield ("SISMEMBER", queues_key(keys.prefix), keys.queue)):
        yield ("SADD", queues_key(keys.prefix), keys.queue)  # so that it is listed as paused
    change: str = yield commands.pause(
        keys, source, lasts_ms=args.lasts_ms, by=args.by, reason=args.reason
    )
    return change


def resume(keys: Keys, *, worker: str | None) -> Operation[str]:
    """Take a client's pause away, of the queue or of one worker; returns the id of the change."""
    change: str = yield commands.resume(keys, worker_source(worker) if worker else CLIENT)
    return change


def pause_all(
    prefix: str, *, reason: str | None, expires_in: timedelta | None, by: str | None
) -> Operation[dict[str, str]]:
    """Pause every queue, also those to come; returns the id of the change by queue."""
    args = _words(reason, expires_in, by)
    now_ms = yield from _now_ms()
    until_ms = now_ms + args.lasts_ms if args.lasts_ms else 0
    # First the record: a worker adds its queue to the list and then reads the record, so that one
    # of the two sees the other.
    yield ("HSET", paused_key(prefix), ALL, f"{until_ms} {now_ms} {args.by} {args.reason}")
    return (yield from _spread(prefix))


def resume_all(prefix: str) -> Operation[dict[str, str]]:
    """Take away what ``pause_all`` set; returns the id of the change by queue."""
    yield ("HDEL", paused_key(prefix), ALL)
    return (yield from _spread(prefix))


def acknowledged(
    prefix: str, changes: dict[str, str], *, what: str, timeout: float, worker: str | None = None
) -> Operation[None]:
    """Wait until every live worker has acknowledged the change of its queue.

    Raises:
        PauseNotAcknowledgedError: If some have not within ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    left = {queue: change_number(change) for queue, change in changes.items()}
    while True:
        missing: dict[str, Sequence[str]] = {}
        now_ms = yield from _now_ms()
        for queue, change in list(left.items()):
            found = yield from _unaware(Keys(queue, prefix), change, now_ms, worker)
            if found:
                missing[queue] = found
            else:
                del left[queue]
        if not missing:
            return
        if time.monotonic() >= deadline:
            raise PauseNotAcknowledgedError(what, missing, timeout=timeout)
        yield Nap(POLL_S)


def _unaware(
    keys: Keys, change: tuple[int, int], now_ms: int, worker: str | None
) -> Operation[list[str]]:
    """Return the live workers that have not acknowledged ``change``."""
    found = yield from operations.workers(keys)
    oldest = now_ms / 1000 - SILENT_AFTER_S
    return [
        info.id
        for info in found
        if info.seen.timestamp() >= oldest
        and worker in (None, info.id)
        and change_number(_seen(info.record)) < change
    ]


def _seen(record: Any) -> str:
    return str(record.get("pause_seen", "")) if isinstance(record, dict) else ""


def _spread(prefix: str) -> Operation[dict[str, str]]:
    """Make every queue what the record for all of them says."""
    changes: dict[str, str] = {}
    for _ in range(ROUNDS):
        record = yield ("HGET", paused_key(prefix), ALL)
        for queue in (yield from operations.queue_names(prefix)):
            changes[queue] = yield commands.adopt(Keys(queue, prefix), ALL, record or b"")
        if (yield ("HGET", paused_key(prefix), ALL)) == record:
            break  # else somebody changed it meanwhile, and may have passed some queue before us
    return changes


def _source(keys: Keys, worker: str | None) -> Operation[str]:
    if worker is None:
        return CLIENT
    found = yield from operations.workers(keys)
    if worker not in {info.id for info in found}:
        raise WorkerNotFoundError(keys.queue, worker)
    return worker_source(worker)


@dataclass(frozen=True, slots=True)
class _Words:
    lasts_ms: int
    by: str
    reason: str


def _words(reason: str | None, expires_in: timedelta | None, by: str | None) -> _Words:
    """Return the arguments of a pause as Redis keeps them.

    Raises:
        ConfigurationError: If one of them cannot be kept.
    """
    if expires_in is not None and not timedelta(milliseconds=1) <= expires_in <= LONGEST:
        raise ConfigurationError(
            f"a pause cannot expire in {expires_in}: from 1 ms to ten years can be. Leave it out "
            "for a pause without an end."
        )
    if reason is not None and len(reason) > LONGEST_REASON:
        raise ConfigurationError(
            f"the reason of the pause has {len(reason):,} characters, and {LONGEST_REASON:,} are "
            "kept. Name the incident and link to it."
        )
    who = "_".join((by or _myself()).split())[:100]
    lasts_ms = round(expires_in.total_seconds() * 1000) if expires_in else 0
    return _Words(lasts_ms, who or "unknown", reason or "")


def _myself() -> str:
    """Return user@host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return f"{user}@{socket.gethostname()}"


def now() -> Operation[datetime]:
    """Return the time by Redis' clock."""
    ms = yield from _now_ms()
    return datetime.fromtimestamp(ms / 1000, UTC)


def _now_ms() -> Operation[int]:
    seconds, micros = yield ("TIME",)
    return int(seconds) * 1000 + int(micros) // 1000


def _flat(reply: Any) -> dict[str, bytes]:
    pairs = reply.items() if isinstance(reply, dict) else zip(*[iter(reply)] * 2, strict=True)
    return {text(name): value for name, value in pairs}
