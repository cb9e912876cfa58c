"""What the doctor says about facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files

import pytest

from flume import doctor
from flume.cli.probing import SAMPLES
from flume.doctor import Facts, Verdict

GIB = 1024**3

GOOD_INFO: Mapping[str, str] = {
    "redis_version": "7.0.15",
    "role": "master",
    "connected_slaves": "1",
    "cluster_enabled": "0",
    "maxmemory": str(4 * GIB),
    "maxmemory_policy": "noeviction",
    "used_memory": str(GIB),
    "total_system_memory": str(8 * GIB),
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
    "rdb_last_bgsave_status": "ok",
}
GOOD = Facts(
    info=GOOD_INFO,
    pings_s=[0.0002] * 100,
    skew_s=0.01,
    save="3600 1",
    appendfsync="everysec",
    user="flume",
    prefix="flume",
    refused=[],
    is_key_refused=False,
)


def _verdicts(facts: Facts) -> dict[str, Verdict]:
    return {finding.check: finding.verdict for finding in doctor.examine(facts)}


def test_a_good_server_passes_every_check() -> None:
    """A check that complains about a good server would be ignored everywhere."""
    assert set(_verdicts(GOOD).values()) == {Verdict.OK}


def test_whatever_is_found_wrong_comes_with_what_to_change() -> None:
    """The reader is not the one who wrote the check."""
    bad = replace(
        GOOD,
        info={**GOOD_INFO, "maxmemory": "0", "maxmemory_policy": "allkeys-lru", "aof_enabled": "0"},
        skew_s=-90.0,
        pings_s=[0.1] * 100,
        refused=["EVALSHA"],
    )

    wrong = [found for found in doctor.examine(bad) if found.verdict is not Verdict.OK]

    assert len(wrong) == 6
    assert all(finding.change for finding in wrong)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"redis_version": "6.0.16"}, Verdict.FAIL),
        ({"redis_version": "5"}, Verdict.FAIL),
        ({"redis_version": "6.2.0"}, Verdict.OK),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.2"}, Verdict.OK),
    ],
)
def test_a_server_that_lacks_commands_fails(change: dict[str, str], verdict: Verdict) -> None:
    """Before 6.2 there is no ZMSCORE, and no worker could complete a job."""
    assert doctor.version({**GOOD_INFO, **change}).verdict is verdict


@pytest.mark.parametrize(
    "change",
    [{"role": "slave", "master_host": "db1", "master_port": "6379"}, {"cluster_enabled": "1"}],
)
def test_only_the_one_server_that_takes_writes_will_do(change: dict[str, str]) -> None:
    """A replica refuses the first enqueue, a cluster node most of them."""
    assert doctor.role({**GOOD_INFO, **change}).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("policy", "maxmemory", "verdict"),
    [
        ("noeviction", "0", Verdict.OK),
        ("allkeys-lru", "100", Verdict.FAIL),
        ("allkeys-lru", "0", Verdict.WARN),
        ("volatile-ttl", "100", Verdict.WARN),
    ],
)
def test_a_policy_that_deletes_jobs_fails(policy: str, maxmemory: str, verdict: Verdict) -> None:
    """Flume's keys have no expiry, so that a volatile policy spares them."""
    info = {**GOOD_INFO, "maxmemory_policy": policy, "maxmemory": maxmemory}

    assert doctor.eviction(info).verdict is verdict


@pytest.mark.parametrize(
    ("used", "limit", "verdict"),
    [(1, 4, Verdict.OK), (85, 100, Verdict.WARN), (96, 100, Verdict.FAIL), (1, 0, Verdict.WARN)],
)
def test_memory_is_judged_by_what_is_left(used: int, limit: int, verdict: Verdict) -> None:
    """A full Redis refuses new jobs; one without a limit is killed by the system."""
    info = {**GOOD_INFO, "used_memory": str(used * GIB), "maxmemory": str(limit * GIB)}

    assert doctor.memory(info).verdict is verdict


@pytest.mark.parametrize(
    ("change", "save", "appendfsync", "verdict"),
    [
        ({}, "", "always", Verdict.OK),
        ({}, "", None, Verdict.OK),
        ({}, "", "no", Verdict.WARN),
        ({"aof_last_write_status": "err"}, "", "everysec", Verdict.FAIL),
        ({"aof_enabled": "0", "rdb_last_bgsave_status": "err"}, "60 1", None, Verdict.FAIL),
        ({"aof_enabled": "0"}, "60 1", None, Verdict.WARN),
        ({"aof_enabled": "0"}, None, None, Verdict.WARN),
        ({"aof_enabled": "0"}, "", None, Verdict.WARN),
        ({"aof_enabled": "0", "connected_slaves": "0"}, "", None, Verdict.FAIL),
    ],
)
def test_persistence_is_judged_by_what_a_crash_loses(
    change: dict[str, str], save: str | None, appendfsync: str | None, verdict: Verdict
) -> None:
    """That no job is lost holds only where Redis keeps its data."""
    assert doctor.persistence({**GOOD_INFO, **change}, save, appendfsync).verdict is verdict


@pytest.mark.parametrize(
    ("skew", "words"), [(2.0, "2,000 ms behind"), (-2.0, "2,000 ms ahead"), (2.0, "early")]
)
def test_a_clock_that_is_off_says_what_that_does(skew: float, words: str) -> None:
    """Only what this machine schedules for a time of day depends on its clock."""
    finding = doctor.clock(skew)

    assert finding.verdict is Verdict.WARN
    assert words in finding.found


def test_a_slow_tail_is_told_from_a_long_way() -> None:
    """The cures differ: move nearer, or look for what stalls."""
    assert "near Redis" in doctor.latency([0.02] * 100).change
    assert "SLOWLOG" in doctor.latency([0.0002] * 90 + [0.2] * 10).change


def test_the_percentile_is_a_value_that_was_measured() -> None:
    """One slow ping of a hundred is the maximum, not the p99."""
    values = [float(value) for value in range(1, 101)]

    assert doctor.percentile(values, 50) == 50.0
    assert doctor.percentile(values, 99) == 99.0
    assert doctor.percentile([7.0], 99) == 7.0


def test_missing_rights_are_named_as_the_command_that_grants_them() -> None:
    """It can be pasted."""
    finding = doctor.rights(["EVALSHA", "HSET"], "team:a", "app", is_key_refused=True)

    assert finding.verdict is Verdict.FAIL
    assert finding.change == "ACL SETUSER app ~team:a:* +evalsha +hset"


def test_what_could_not_be_asked_is_a_warning() -> None:
    """A managed Redis may hide INFO and MULTI from its users, and Flume still works."""
    verdicts = _verdicts(replace(GOOD, info=None, skew_s=None, pings_s=[], refused=None))

    assert verdicts == {"info": Verdict.WARN, "rights": Verdict.WARN}


def test_every_command_that_a_script_calls_is_tried() -> None:
    """A right that the doctor does not try is missed when a worker claims its first job."""
    folder = files("flume").joinpath("lua")
    sources = [
        file.read_text(encoding="utf-8")
        for place in (folder, folder.joinpath("include"))
        for file in place.iterdir()
        if file.name.endswith(".lua")
    ]
    called = {name for source in sources for name in re.findall(r"redis\.call\('(\w+)'", source)}

    assert called
    assert called - set(SAMPLES) == set()
    assert {"ZRANGE", "ZREVRANGE"} <= set(SAMPLES)  # peek.lua chooses between them
