"""``flume doctor`` on real servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import flume
from tests.support.missing import missing
from tests.support.rig import Rig
from tests.support.servers import KINDS, MissingServerError, Server, running_server

READS = ("+@read", "+@connection", "+info", "+config|get", "+time")


def _checks(*args: str, url: str) -> dict[str, dict[str, Any]]:
    return {found["check"]: found for found in flume("doctor", "--json", *args, url=url).objects}


@pytest.mark.server
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_keeps_its_data_passes(kind: str, tmp_path: Path) -> None:
    """The exit code is what a deployment checks; a machine that is busy only makes it slow."""
    options = ("--appendonly", "yes", "--maxmemory", "100mb")
    try:
        with running_server(kind, tmp_path, *options) as server:
            ended = flume("doctor", "--json", url=server.url)
    except MissingServerError as error:
        missing(str(error))

    verdicts = {found["check"]: found["verdict"] for found in ended.objects}
    assert ended.code == 0
    assert verdicts.pop("latency") in {"ok", "warn"}
    assert len(verdicts) == 8
    assert set(verdicts.values()) == {"ok"}


def test_a_server_that_forgets_its_data_fails(server: Server) -> None:
    """The servers of these tests do, and that is the one thing wrong with them."""
    ended = flume("doctor", "--json", url=server.url)

    failed = [found["check"] for found in ended.objects if found["verdict"] == "fail"]
    assert (ended.code, failed) == (1, ["persistence"])


def test_the_doctor_leaves_nothing_behind(rig: Rig, server: Server) -> None:
    """It tries rights to write and writes nothing."""
    flume("doctor", url=server.url)

    assert rig.dump() == {}


def test_a_policy_that_deletes_jobs_is_found(server: Server) -> None:
    """It is the default of some managed services."""
    server.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", "100mb")
    try:
        found = _checks(url=server.url)["eviction"]
    finally:
        server.call("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "0")

    assert found["verdict"] == "fail"
    assert "noeviction" in found["change"]


@pytest.fixture
def user_url(server: Server) -> Any:
    """Return a function that makes a user with some rights and returns its URL."""
    made = []

    def make(*rights: str) -> str:
        made.append("app")
        server.call("ACL", "SETUSER", "app", "reset", "on", ">pass", *rights)
        return f"redis://app:pass@127.0.0.1:{server.port}/0"

    yield make
    server.call("ACL", "DELUSER", *made)


def test_rights_that_are_missing_are_listed(user_url: Any) -> None:
    """So that they can be granted in one go, and not one error at a time."""
    url = user_url("~flume:*", *READS, "+multi", "+discard", "+evalsha", "+acl|whoami")

    found = _checks(url=url)["rights"]

    assert found["verdict"] == "fail"
    assert found["change"].startswith("ACL SETUSER app +bzpopmin +del +eval +hdel ")
    assert "evalsha" not in found["change"]
    assert "~" not in found["change"]


def test_the_granted_rights_are_enough(user_url: Any) -> None:
    """What the doctor asks for is what Flume needs, neither less nor more."""
    few = user_url("~flume:*", "+multi", "+discard", "+ping", "+select")
    grants = _checks(url=few)["rights"]["change"].removeprefix("ACL SETUSER app ")
    url = user_url("~flume:*", "+multi", "+discard", "+ping", "+select", *grants.split())

    enqueued = flume("enqueue", "orders", "send", "1", url=url)
    listed = flume("jobs", "orders", "--json", url=url)

    assert _checks(url=url)["rights"]["verdict"] == "ok"
    assert (enqueued.code, listed.code, len(listed.objects)) == (0, 0, 1)
    assert flume("queues", url=url).code == 0
    assert flume("purge", "orders", "--state", "ready", "--yes", url=url).code == 0


def test_keys_that_may_not_be_touched_are_named(user_url: Any) -> None:
    """A right to all commands is none without keys."""
    url = user_url("~other:*", "+@all")

    found = _checks(url=url)["rights"]

    assert found["change"] == "ACL SETUSER app ~flume:*"
    assert _checks("--prefix", "other", url=url)["rights"]["verdict"] == "ok"


def test_a_user_of_one_queue_is_tried_on_that_queue(user_url: Any) -> None:
    """Rights may be given queue by queue."""
    url = user_url("~flume:{orders}:*", "~flume:queues", "+@all")

    assert _checks(url=url)["rights"]["verdict"] == "fail"
    assert _checks("--queue", "orders", url=url)["rights"]["verdict"] == "ok"


def test_what_may_not_be_asked_is_a_warning(user_url: Any) -> None:
    """A user may be fit for Flume and not allowed to look at the server."""
    url = user_url("~flume:*", "+@all", "-info", "-config", "-multi")

    found = _checks(url=url)

    assert {name: check["verdict"] for name, check in found.items()} == {
        "reachable": "ok",
        "info": "warn",
        "clock": "ok",
        "latency": "ok",
        "rights": "warn",
    }


def test_a_wrong_password_ends_with_4_and_is_not_shown(server: Server) -> None:
    """The message ends up in a ticket."""
    url = f"redis://app:SECRET@127.0.0.1:{server.port}/0"

    for command in (["doctor"], ["queues"], ["doctor", "--json"]):
        ended = flume(*command, url=url)

        assert ended.code == 4
        assert "refused the user or the password" in ended.out + ended.err
        assert "SECRET" not in ended.out + ended.err


def test_a_server_that_is_not_there_ends_with_3() -> None:
    """A script can wait for Redis by asking for its doctor."""
    ended = flume("doctor", url="redis://127.0.0.1:1/0")

    assert ended.code == 3
    assert ended.out.startswith("fail  reachable  Redis at redis://127.0.0.1:1/0 did not answer")
