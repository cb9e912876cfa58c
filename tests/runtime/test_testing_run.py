"""`run_until_empty()` runs what may run, on a real Redis, and says what is left and why."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from flume import AsyncClient, Client, Discard, JobState, Retry, current_job, handler, ref
from flume.errors import ConfigurationError, NotEmptyError, ServerUnavailableError
from flume.pipeline import PipelineSettings
from flume.testing import Ran, fake, run_until_empty
from tests.support.servers import Server
from tests.support.waiting import wait_until

QUICK = PipelineSettings("any", backoff_initial_s=0.01, backoff_max_s=0.01)
SLOW = PipelineSettings("any", backoff_initial_s=600.0)


@pytest.fixture
def seen() -> list[Any]:
    """Return what the handlers below note."""
    _seen.clear()
    return _seen


_seen: list[Any] = []
_state = SimpleNamespace(client=None, failures=0)


@handler(name="note")
async def note(value: Any) -> None:
    """Note a value on the event loop."""
    _seen.append(value)


@handler(name="note_in_thread")
def note_in_thread(value: Any) -> None:
    """Note a value in a thread."""
    _seen.append((value, threading.current_thread() is threading.main_thread()))


@handler(name="fail")
async def fail(times: int) -> None:
    """Fail so many times."""
    _seen.append(current_job().attempt)
    if current_job().attempt <= times:
        raise ValueError(f"failure {current_job().attempt}")


@handler(name="steer")
async def steer(how: str) -> None:
    """Steer the job."""
    if how == "retry" and current_job().attempt == 1:
        raise Retry("later", after=timedelta(0))
    if how != "retry":
        raise Discard(how, bury=how == "bury")


@handler(name="spread")
def spread(levels: int) -> None:
    """Enqueue two jobs of this kind, and another for a handler that was not there before."""
    if levels:
        _state.client.enqueue_many("work", [spread.job(levels - 1) for _ in range(2)])
    else:
        _state.client.enqueue("work", note, "leaf")


@handler(name="hang")
async def hang() -> None:
    """Never return."""
    await asyncio.Event().wait()


@pytest.fixture
def client(valkey: Server) -> Iterator[Client]:
    """Return a client of an empty server."""
    with Client(valkey.url) as opened:
        _state.client = opened
        yield opened


@pytest.fixture
async def async_client(valkey: Server) -> AsyncIterator[AsyncClient]:
    """Return an async client of an empty server."""
    async with AsyncClient(valkey.url) as opened:
        yield opened


def run(client: Client, **options: Any) -> Ran:
    """Run the queue with the handlers above."""
    return run_until_empty(client, "work", modules=[__name__], **options)


def test_async_and_sync_handlers_run(client: Client, seen: list[Any]) -> None:
    """One on the event loop, the other in a thread, as in production."""
    client.enqueue_many("work", [note.job(number) for number in range(100)])
    client.enqueue("work", note_in_thread, "a")

    ran = run(client)

    assert ran == Ran(completed=101)
    assert sorted(value for value in seen if isinstance(value, int)) == list(range(100))
    assert ("a", False) in seen
    assert client.queue("work").counts().ready == 0


async def test_it_can_be_awaited(async_client: AsyncClient, seen: list[Any]) -> None:
    """In the loop of the test, so that both share what belongs to a loop."""
    await async_client.enqueue("work", note, "a")

    ran = await run_until_empty(async_client, "work", modules=[__name__])

    assert (ran.completed, seen) == (1, ["a"])


def test_an_empty_queue_is_no_wait(client: Client, seen: list[Any]) -> None:
    """A test may call it without knowing whether anything was enqueued."""
    assert run(client) == Ran()
    assert run_until_empty(client, "work", modules=__name__) == Ran()
    assert client.queue("work").workers() == []


def test_what_jobs_enqueue_runs_as_well(client: Client, seen: list[Any]) -> None:
    """Until the queue is empty, and not until the first jobs are done."""
    client.enqueue("work", spread, 4)

    ran = run(client)

    assert ran.completed == 31 + 16
    assert seen == ["leaf"] * 16


def test_only_the_named_queue_runs(client: Client, seen: list[Any]) -> None:
    """A worker has one queue."""
    client.enqueue("work", note, "a")
    client.enqueue("other", note, "b")

    run(client)

    assert seen == ["a"]
    assert client.queue("other").counts().ready == 1


def test_what_is_due_later_is_left(client: Client, seen: list[Any]) -> None:
    """It is for a clock to move, and not for a test to wait."""
    client.enqueue_in("work", timedelta(hours=1), note, "later")
    client.enqueue_in("work", timedelta(0), note, "now")

    ran = run(client)

    assert (ran.completed, seen) == (1, ["now"])
    assert client.queue("work").counts().scheduled == 1


def test_a_job_that_fails_is_left_to_retry_and_its_error_is_returned(
    client: Client, seen: list[Any]
) -> None:
    """A test asserts on the errors; it does not wait for back-off."""
    client.enqueue("work", fail, 3)

    ran = run(client, settings=SLOW)

    assert (ran.retried, ran.completed) == (1, 0)
    assert [(type(error), str(error)) for error in ran.errors] == [(ValueError, "failure 1")]
    assert client.queue("work").counts().retrying == 1


def test_retrying_jobs_run_to_their_end_where_asked(client: Client, seen: list[Any]) -> None:
    """With a short back-off, which the test chooses."""
    client.enqueue("work", fail, 2)
    client.enqueue("work", fail.using(max_retries=1), 9)

    ran = run(client, include_retrying=True, settings=QUICK)

    assert (ran.completed, ran.retried, ran.buried) == (1, 3, 1)
    assert sorted(seen) == [1, 1, 2, 2, 3]
    assert [job.attempts for job in client.queue("work").dead.list()] == [2]


def test_a_job_that_steers_is_no_failure(client: Client, seen: list[Any]) -> None:
    """`Retry` and `Discard` are what the handler wanted."""
    for how in ("retry", "bury", "drop"):
        client.enqueue("work", steer, how)

    ran = run(client)

    assert ran == Ran(completed=1, retried=1, buried=1, discarded=1)
    assert ran.errors == []


def test_two_runs_count_for_themselves(client: Client, seen: list[Any]) -> None:
    """What a run returns is about that run."""
    client.enqueue("work", note, "a")
    first = run(client)
    client.enqueue_many("work", [note.job("b"), note.job("c")])
    second = run(client)

    assert (first.completed, second.completed) == (1, 2)


def test_a_job_that_no_handler_has_is_named_at_once(client: Client, seen: list[Any]) -> None:
    """The modules are wrong, or the name is; waiting for the timeout would not help."""
    client.enqueue_many("work", [ref("no.such").job(), note.job("a")])

    with pytest.raises(NotEmptyError) as left:
        run(client, timeout=60)

    assert seen == ["a"]
    assert str(left.value) == (
        "the queue work is not empty: no handler of the modules is named no.such. Left: 1 ready.\n"
        "Ready by handler: no.such: 1."
    )


def test_what_is_left_is_told_when_the_time_is_over(client: Client, seen: list[Any]) -> None:
    """With the errors of what failed, for that is usually why."""
    client.enqueue("work", fail, 1)
    client.enqueue("work", hang)
    client.enqueue_in("work", timedelta(hours=1), note, "later")

    with pytest.raises(NotEmptyError) as left:
        run(client, timeout=0.3, include_retrying=True, settings=SLOW)

    text = str(left.value)
    assert text.startswith("the queue work is not empty: 0.3 s were over. Left: 1 ready, 1 sched")
    assert "1 retrying" in text
    assert "Ready by handler: hang: 1." in text
    assert "fail failed 1 time(s): ValueError: failure 1" in text
    assert client.queue("work").counts().running == 0


def test_a_job_that_was_stopped_is_not_charged(client: Client, seen: list[Any]) -> None:
    """It goes back as it was, so that a test can go on with it."""
    job = client.enqueue("work", hang)

    with pytest.raises(NotEmptyError):
        run(client, timeout=0.2)

    found = client.queue("work").job(job.id)
    assert (found.state, found.attempts) == (JobState.READY, 0)


def test_a_module_that_does_not_exist_is_refused(client: Client) -> None:
    """In the words of the worker."""
    with pytest.raises(ConfigurationError, match=r"'no\.such\.module' cannot be imported"):
        run_until_empty(client, "work", modules=["no.such.module"])


def test_inside_fake_it_is_refused(client: Client) -> None:
    """Nothing was sent, so that there is nothing to run."""
    with fake(), pytest.raises(ConfigurationError, match=r"fake\(\) is active"):
        run(client)


async def test_a_sync_run_in_an_event_loop_is_refused(client: Client) -> None:
    """It would block the loop that it needs."""
    with pytest.raises(ConfigurationError, match="pass an AsyncClient, and await the run"):
        run(client)


def test_a_redis_that_is_not_there_is_said_in_one_error() -> None:
    """At once, as a suite has many tests; and not as a group of errors from inside."""
    began = time.monotonic()
    with pytest.raises(ServerUnavailableError, match="did not answer"):
        run(Client("redis://127.0.0.1:1/0"), timeout=60)

    assert time.monotonic() - began < 3


def test_nothing_is_left_behind(client: Client, seen: list[Any]) -> None:
    """A suite runs it hundreds of times: no thread, no connection, no worker may stay."""
    run(client)
    threads, connections = threading.active_count(), connected(client)
    for number in range(5):
        client.enqueue_many("work", [note.job(number), note_in_thread.job(number)])
        run(client)

    # fewer where a test before this one had something that was still ending
    wait_until(lambda: threading.active_count() <= threads, what="the end of all threads")
    wait_until(lambda: connected(client) <= connections, what="the end of all connections")
    assert client.queue("work").workers() == []


def connected(client: Client) -> int:
    """Return how many connections the server has."""
    return int(client._connections.call("CLIENT", "LIST").count(b"\n"))
