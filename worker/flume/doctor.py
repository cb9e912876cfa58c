"""What Flume needs of a Redis, as checks of facts that someone else has asked for.

Pure: ``flume.cli.probing`` asks, these functions judge.  Each returns a ``Finding`` that says what
was found, and what to change where something should be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

OLDEST = (6, 2)
"""The first Redis with ZMSCORE and with a count for LPOP, which the scripts use."""
FULL_WARN, FULL_FAIL = 0.80, 0.95
"""Shares of maxmemory: time to act, and no time left."""
SKEW_WARN_S = 1.0
"""A job may start this late at rest; a larger skew is what one would see of ``enqueue_at``."""
MEDIAN_WARN_S = 0.005
"""A round trip of another region.  A claim and a completion take one each."""
TAIL_WARN_S = 0.05
"""A tenth of the time between two heartbeats."""


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    """Flume works; what is said should be known, or changed before production."""
    FAIL = "fail"
    """Flume does not work, or jobs can be lost."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    check: str
    verdict: Verdict
    found: str
    change: str = ""
    """What to do about it; empty where nothing is to be done."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was learned of a server.  None: it could not be asked."""

    info: Mapping[str, str] | None
    """The fields of INFO."""
    pings_s: Sequence[float]
    """Round trips."""
    skew_s: float | None
    """Redis' clock minus ours."""
    save: str | None
    """The setting ``save``: when snapshots are taken."""
    appendfsync: str | None
    user: str | None
    prefix: str
    refused: Sequence[str] | None
    """Commands this user may not call."""
    is_key_refused: bool
    """It may not touch keys under the prefix."""


def examine(facts: Facts) -> list[Finding]:
    """Return the findings of all checks that the facts allow."""
    findings = []
    info = facts.info
    if info is None:
        findings.append(
            Finding(
                "info",
                Verdict.WARN,
                "this user may not call INFO: version, role, eviction, memory and persistence "
                "were not checked",
                "run flume doctor as a user with +info",
            )
        )
    else:
        findings += [version(info), role(info), eviction(info), memory(info)]
        findings.append(persistence(info, facts.save, facts.appendfsync))
    if facts.skew_s is not None:
        findings.append(clock(facts.skew_s))
    if facts.pings_s:
        findings.append(latency(facts.pings_s))
    findings.append(
        rights(facts.refused, facts.prefix, facts.user, is_key_refused=facts.is_key_refused)
    )
    return findings


def version(info: Mapping[str, str]) -> Finding:
    """Check that the server has all commands that the scripts use."""
    if "valkey_version" in info:
        return Finding("version", Verdict.OK, f"Valkey {info['valkey_version']}")
    text = info.get("redis_version", "?")
    numbers = tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return Finding(
            "version",
            Verdict.FAIL,
            f"Redis {text} lacks commands that Flume's scripts use",
            f"use Redis {oldest} or newer, or Valkey",
        )
    return Finding("version", Verdict.OK, f"Redis {text}")


def role(info: Mapping[str, str]) -> Finding:
    """Check that this is the one server that takes writes."""
    if info.get("role") == "slave":
        primary = f"{info.get('master_host', '?')}:{info.get('master_port', '?')}"
        return Finding(
            "role",
            Verdict.FAIL,
            f"this is a replica of {primary}, which refuses writes",
            "give Flume the address of the primary",
        )
    if info.get("cluster_enabled") == "1":
        return Finding(
            "role",
            Verdict.FAIL,
            "this is a node of a Redis Cluster, and Flume's client talks to one server only",
            "use one Redis or Valkey that is no cluster; where it has replicas, name the primary",
        )
    replicas = _number(info, "connected_slaves")
    beside = f" with {replicas} replica{'s' if replicas > 1 else ''}" if replicas else ""
    return Finding("role", Verdict.OK, f"primary{beside}")


def eviction(info: Mapping[str, str]) -> Finding:
    """Check that Redis never deletes jobs to make room."""
    policy = info.get("maxmemory_policy", "unknown")
    change = "set maxmemory-policy noeviction: a full Redis then refuses jobs and loses none"
    if policy == "noeviction":
        return Finding("eviction", Verdict.OK, "noeviction: Redis deletes nothing by itself")
    if policy.startswith("volatile-"):
        found = f"{policy}: spares Flume's keys, which have no expiry, but deletes those of others"
        return Finding("eviction", Verdict.WARN, found, change)
    if not _number(info, "maxmemory"):
        found = f"{policy}: would delete jobs as soon as maxmemory is set"
        return Finding("eviction", Verdict.WARN, found, change)
    return Finding(
        "eviction", Verdict.FAIL, f"{policy}: Redis deletes jobs when its memory is full", change
    )


def memory(info: Mapping[str, str]) -> Finding:
    """Check how much room is left."""
    used, limit = _number(info, "used_memory"), _number(info, "maxmemory")
    if not limit:
        total = _number(info, "total_system_memory")
        of_machine = f" of the machine's {_size(total)}" if total else ""
        return Finding(
            "memory",
            Verdict.WARN,
            f"{_size(used)}{of_machine} used and no maxmemory: the system kills a Redis that "
            "grows too far",
            "set maxmemory to three quarters of what it may use: a full Redis refuses jobs instead",
        )
    share = used / limit
    found = f"{_size(used)} of {_size(limit)} used, {share:.0%}"
    if share < FULL_WARN:
        return Finding("memory", Verdict.OK, found)
    verdict = Verdict.FAIL if share >= FULL_FAIL else Verdict.WARN
    return Finding(
        "memory",
        verdict,
        f"{found}: a full Redis refuses new jobs",
        "raise maxmemory, add workers, or purge what nobody needs (flume queues shows where)",
    )


def persistence(info: Mapping[str, str], save: str | None, appendfsync: str | None) -> Finding:
    """Check what a crash of Redis would lose."""
    for field, what in (
        ("aof_last_write_status", "append to its AOF"),
        ("rdb_last_bgsave_status", "write its last snapshot"),
    ):
        if info.get(field, "ok") != "ok":
            found = f"Redis could not {what}"
            return Finding("persistence", Verdict.FAIL, found, "look at its disk and its log")
    append = "set appendonly yes and appendfsync everysec: then it is a second at most"
    if info.get("aof_enabled") == "1":
        if appendfsync == "no":
            found = "AOF, synced when the system likes: a crash of the machine loses some 30 s"
            return Finding(
                "persistence", Verdict.WARN, found, "set appendfsync everysec: then it is a second"
            )
        loss = "no job" if appendfsync == "always" else "a second of jobs at most"
        synced = f" synced {appendfsync}" if appendfsync else ""
        return Finding("persistence", Verdict.OK, f"AOF{synced}: a crash loses {loss}")
    if save:
        changes = _number(info, "rdb_changes_since_last_save")
        found = f"snapshots only: a crash loses what came since the last ({changes:,} changes now)"
        return Finding("persistence", Verdict.WARN, found, append)
    if save is None:
        found = "no AOF, and this user may not ask whether snapshots are taken"
        return Finding("persistence", Verdict.WARN, found, append)
    if _number(info, "connected_slaves"):
        found = "none, only replicas: a restart of the primary before a failover loses all jobs"
        return Finding("persistence", Verdict.WARN, found, append)
    return Finding("persistence", Verdict.FAIL, "none: a restart of Redis loses all jobs", append)


def clock(skew_s: float) -> Finding:
    """Check this machine's clock against Redis', by which all jobs run."""
    found = f"{abs(skew_s) * 1000:,.0f} ms {'behind' if skew_s > 0 else 'ahead of'} Redis' clock"
    if abs(skew_s) < SKEW_WARN_S:
        return Finding("clock", Verdict.OK, f"this machine is {found}")
    early = "early" if skew_s > 0 else "late"
    return Finding(
        "clock",
        Verdict.WARN,
        f"this machine is {found}: what it schedules for a time of day starts that much {early}",
        "synchronise both clocks (NTP)",
    )


def latency(pings_s: Sequence[float]) -> Finding:
    """Check the round trip to Redis."""
    median, tail = percentile(pings_s, 50), percentile(pings_s, 99)
    found = f"p50 {median * 1000:.2f} ms, p99 {tail * 1000:.2f} ms of {len(pings_s)} pings"
    if median > MEDIAN_WARN_S:
        return Finding(
            "latency",
            Verdict.WARN,
            f"{found}: each claim and each enqueue waits that long",
            "run Flume near Redis, and enqueue many jobs at once",
        )
    if tail > TAIL_WARN_S:
        return Finding(
            "latency",
            Verdict.WARN,
            f"{found}: something stalls at times",
            "look for slow commands (SLOWLOG GET), swapping, or a machine that is too busy",
        )
    return Finding("latency", Verdict.OK, found)


def rights(
    refused: Sequence[str] | None, prefix: str, user: str | None, *, is_key_refused: bool
) -> Finding:
    """Check that the user may do all that Flume does."""
    name = f"user {user}" if user else "this user"
    if refused is None:
        return Finding(
            "rights",
            Verdict.WARN,
            f"{name} may not call MULTI, so its rights could not be tried without using them",
            "run flume doctor as a user with +multi +discard, or compare docs/reference/cli.md",
        )
    grants = [f"~{prefix}:*"] if is_key_refused else []
    grants += [f"+{command.lower()}" for command in refused]
    if not grants:
        return Finding("rights", Verdict.OK, f"{name} may do all that Flume does")
    missing = [f"touch keys under {prefix}:"] if is_key_refused else []
    if refused:
        missing.append(f"call {', '.join(refused)}")
    return Finding(
        "rights",
        Verdict.FAIL,
        f"{name} may not {' nor '.join(missing)}",
        f"ACL SETUSER {user or '<user>'} {' '.join(grants)}",
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that ``percent`` of all do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, ceil(len(ranked) * percent / 100) - 1)]


def _number(info: Mapping[str, str], field: str) -> int:
    value = info.get(field, "")
    return int(value) if value.isdecimal() else 0


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
