"""A clock that tests set: Redis' time as scripts see it, and with it the worker's."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flume import AsyncClient, Client, handler
from flume.commands.script import _shifted
from flume.connection import SyncConnections
from flume.pipeline import PipelineSettings
from flume.testing import Clock, run_until_empty
from tests.support.servers import Server

HOUR = timedelta(hours=1)
_ran: list[Any] = []


@handler(name="clocked")
async def clocked(value: Any) -> None:
    """Note that it ran."""
    _ran.append(value)


@handler(name="failing")
async def failing() -> None:
    """Fail."""
    raise ValueError


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """Return a client of an empty server."""
    _ran.clear()
    with Client(server.url) as opened:
        yield opened


def run(client: Client, **settings: Any) -> None:
    """Run what may run now."""
    chosen = PipelineSettings("work", **settings)
    run_until_empty(client, "work", modules=[__name__], settings=chosen)


def test_a_scheduled_job_runs_once_its_time_has_come(client: Client) -> None:
    """A test of a reminder takes no hour, and not a minute either."""
    clock = Clock(client)
    client.enqueue_in("work", HOUR, clocked, "in")
    client.enqueue_at("work", datetime.now(UTC) + 2 * HOUR, clocked, "at")

    run(client)
    assert _ran == []
    clock.advance(HOUR - timedelta(seconds=30))
    run(client)
    assert _ran == []
    clock.advance(timedelta(seconds=30))
    run(client)
    assert _ran == ["in"]
    clock.advance(HOUR)
    run(client)
    assert _ran == ["in", "at"]


def test_a_retrying_job_runs_once_its_wait_is_over(client: Client) -> None:
    """Through all retries of a pipeline that waits for hours, until it is dead."""
    clock = Clock(client)
    client.enqueue("work", failing)
    settings = {"max_retries": 3, "backoff_initial_s": 3600.0, "backoff_max_s": 86400.0}

    for run_number in range(1, 5):
        run(client, **settings)
        counts = client.queue("work").counts()
        assert counts.totals.get("retried", 0) == min(run_number, 3)
        assert (counts.retrying, counts.dead) == ((1, 0) if run_number < 4 else (0, 1))
        clock.advance(timedelta(days=1))


def test_a_unique_key_is_free_once_its_time_is_over(client: Client) -> None:
    """What is held for a day is free tomorrow."""
    clock = Clock(client)
    once_a_day = clocked.using(unique="digest", unique_for=timedelta(days=1))

    first = client.enqueue("work", once_a_day, 1)
    assert client.enqueue("work", once_a_day, 2).is_duplicate
    clock.advance(timedelta(days=1))
    later = client.enqueue("work", once_a_day, 3)

    assert (first.is_duplicate, later.is_duplicate) == (False, False)


def test_the_age_of_the_oldest_job_follows_the_clock(client: Client) -> None:
    """A test of an alert can let jobs grow old."""
    clock = Clock(client)
    client.enqueue("work", clocked, 1)
    clock.advance(HOUR)

    assert 3600 <= client.queue("work").counts().latency_s < 3610


@pytest.mark.parametrize("ms", [1, 250, 999, 1000, 1001, 3_600_000, 86_400_123])
def test_the_time_moves_to_the_millisecond(connections: SyncConnections, ms: int) -> None:
    """Half a second of back-off is a wait that tests have, too."""
    moved_time = _shifted(ms).replace("redis.call('TIME')", "{ARGV[1], ARGV[2]}")
    for seconds, micros in ((1_700_000_000, 0), (1_700_000_000, 999_999), (4_000_000_000, 1)):
        moved = connections.call("EVAL", f"return {moved_time}", 0, seconds, micros)
        assert int(moved[0]) * 1_000_000 + int(moved[1]) == (
            seconds * 1_000_000 + micros + ms * 1000
        )
        assert 0 <= int(moved[1]) < 1_000_000


async def test_all_clients_of_a_clock_see_one_time(server: Server) -> None:
    """Also one that is added later."""
    clock = Clock()
    clock.advance(HOUR)
    async with AsyncClient(server.url) as first, AsyncClient(server.url) as second:
        clock.add(first, second)
        await first.enqueue("work", clocked, 1)
        clock.advance(HOUR)
        latency = (await second.queue("work").counts()).latency_s

    assert 3600 <= latency < 3610


async def test_an_awaited_run_sees_the_clock_too(server: Server) -> None:
    """As the other form does."""
    _ran.clear()
    async with AsyncClient(server.url) as client:
        await client.enqueue_in("work", HOUR, clocked, "in")
        Clock(client).advance(HOUR)
        await run_until_empty(client, "work", modules=[__name__])

    assert _ran == ["in"]


def test_a_reset_brings_the_real_time_back(client: Client) -> None:
    """And lets go of the clients, whose time the clock moves no more."""
    clock = Clock(client)
    clock.advance(HOUR)
    clock.reset()
    client.enqueue_in("work", HOUR, clocked, "later")
    clock.advance(2 * HOUR)

    run(client)

    assert _ran == []


def test_now_is_the_moved_time() -> None:
    """For `enqueue_at`, and for what the app compares with."""
    clock = Clock()
    clock.advance(HOUR)

    assert HOUR - timedelta(seconds=1) < clock.now() - datetime.now(UTC) <= HOUR


def test_the_clock_only_moves_on() -> None:
    """Leases and due times that lie in the future would not follow it back."""
    with pytest.raises(ValueError, match=r"the clock would go back by 1:00:00"):
        Clock().advance(-HOUR)
