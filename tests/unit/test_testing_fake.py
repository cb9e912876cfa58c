"""`fake()`: nothing is sent, all is recorded, and what Redis could not keep is refused."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flume import AsyncClient, Client, ref
from flume.errors import (
    ConfigurationError,
    HandlerError,
    NameRefusedError,
    NotJsonError,
    PayloadTooLargeError,
    ScheduleError,
    ServerUnavailableError,
)
from flume.testing import fake
from tests.support.nowhere import NOWHERE, send

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def test_a_job_is_recorded_and_not_sent(client: Client) -> None:
    """A test of an app needs no Redis."""
    with fake() as sent:
        job = client.enqueue("email", send, "ada", subject="Hi")

    [found] = sent.jobs
    assert (found.id, found.queue, found.handler) == (job.id, "email", "app.send")
    assert (found.args, found.kwargs, found.headers) == (["ada"], {"subject": "Hi"}, {})
    assert found.due is None
    assert (job.queue, job.is_duplicate) == ("email", False)


def test_afterwards_jobs_are_sent_again(client: Client) -> None:
    """One test must not swallow the jobs of the next."""
    with fake():
        client.enqueue("email", send, "ada")

    with pytest.raises(ServerUnavailableError):
        client.enqueue("email", send, "ada")


def test_scheduled_jobs_are_recorded_with_their_time(client: Client) -> None:
    """When it runs is part of what an app does."""
    when = datetime(2030, 1, 1, 12, tzinfo=UTC)
    with fake() as sent:
        client.enqueue_in("email", timedelta(minutes=5), send, "ada")
        client.enqueue_at("email", when, "app.send", "ada")

    assert [job.due for job in sent.jobs] == [timedelta(minutes=5), when]


def test_many_jobs_are_recorded_in_their_order(client: Client) -> None:
    """With the options they were made with."""
    urgent = send.using(headers={"a": "b"}, max_retries=0, unique="key")
    jobs = [send.job("ada"), urgent.job("bob"), ref("other").job()]
    with fake() as sent:
        returned = client.enqueue_many("email", jobs)

    assert returned == jobs
    assert [job.id for job in sent.jobs] == [job.id for job in jobs]
    assert (sent.jobs[1].headers, sent.jobs[1].unique) == ({"a": "b"}, "key")
    assert sent.jobs[1].job.body.max_retries == 0


async def test_the_async_client_is_recorded_too() -> None:
    """Its calls are the same ones."""
    client = AsyncClient(NOWHERE, timeout=0.1)
    when = datetime(2030, 1, 1, tzinfo=UTC)
    with fake() as sent:
        await client.enqueue("email", send, "ada")
        await client.enqueue_in("email", timedelta(seconds=1), send, "ada")
        await client.enqueue_at("email", when, send, "ada")
        await client.enqueue_many("email", [send.job("ada")] * 2)
        async with asyncio.TaskGroup() as tasks:
            for number in range(3):
                tasks.create_task(client.enqueue("email", send, str(number)))
        await client.close()

    assert [job.due for job in sent.jobs[:4]] == [None, timedelta(seconds=1), when, None]
    assert [job.args for job in sent.jobs[4:]] == [["0"], ["1"], ["2"]]


def test_what_could_not_be_sent_is_refused_with_the_same_errors() -> None:
    """A test that passes with fake() must not fail in production for its arguments."""
    client = Client(NOWHERE, max_payload_bytes=100)
    naive: Any = datetime(2030, 1, 1)  # noqa: DTZ001
    with fake() as sent:
        with pytest.raises(NotJsonError, match=r"args\[0\] is a tuple"):
            client.enqueue("email", ref("app.send"), ("ada",))
        with pytest.raises(PayloadTooLargeError):
            client.enqueue("email", send, "x" * 100)
        with pytest.raises(ScheduleError):
            client.enqueue_at("email", naive, send, "ada")
        with pytest.raises(ScheduleError):
            client.enqueue_in("email", timedelta(seconds=-1), send, "ada")
        with pytest.raises(NameRefusedError):
            client.enqueue("E-mail", send, "ada")
        with pytest.raises(NameRefusedError):
            client.enqueue("email", "no name", "ada")
        with pytest.raises(HandlerError):
            client.enqueue("email", print, "ada")  # type: ignore[call-overload]
        with pytest.raises(NotJsonError):
            client.enqueue_many("email", [send.job("ada"), ref("app.send").job({1: 2})])

    assert sent.jobs == []


async def test_the_async_client_refuses_the_same() -> None:
    """Through all of its ways in."""
    client = AsyncClient(NOWHERE, max_payload_bytes=100)
    with fake() as sent:
        with pytest.raises(NotJsonError):
            await client.enqueue("email", ref("app.send"), {1, 2})
        with pytest.raises(PayloadTooLargeError):
            await client.enqueue_in("email", timedelta(0), send, "x" * 100)
        with pytest.raises(NotJsonError):
            await client.enqueue_many("email", [ref("app.send").job(float("nan"))])
    await client.close()

    assert sent.jobs == []


def test_what_is_recorded_does_not_follow_what_the_app_changes(client: Client) -> None:
    """A worker would read what was sent, and not what became of it."""
    to = ["ada"]
    headers = {"a": "b"}
    with fake() as sent:
        client.enqueue("email", ref("app.send").using(headers=headers), to)
        to.append("bob")
        headers["a"] = "c"

    assert (sent.jobs[0].args, sent.jobs[0].headers) == ([["ada"]], {"a": "b"})


def test_a_second_job_of_a_unique_key_returns_the_first(client: Client) -> None:
    """As Redis would: the first is not recorded twice, and its caller is told."""
    with fake() as sent:
        first = client.enqueue("email", send.using(unique="ada"), "ada")
        again = client.enqueue("email", send.using(unique="ada"), "bob")
        client.enqueue("email", send.using(unique="bob"), "bob")
        other = client.enqueue("audit", send.using(unique="ada"), "ada")
        in_one_list = client.enqueue_many("email", [send.using(unique="cy").job(n) for n in "ab"])

    assert (again.id, again.args, again.is_duplicate) == (first.id, ["ada"], True)
    assert (first.is_duplicate, other.is_duplicate) == (False, False)
    assert [job.is_duplicate for job in in_one_list] == [False, True]
    assert [job.args[0] for job in sent.jobs] == ["ada", "bob", "ada", "a"]


def test_clearing_frees_the_unique_keys(client: Client) -> None:
    """It stands for the jobs having run."""
    with fake() as sent:
        client.enqueue("email", send.using(unique="ada"), "ada")
        sent.clear()
        job = client.enqueue("email", send.using(unique="ada"), "bob")

    assert not job.is_duplicate
    assert [found.args for found in sent.jobs] == [["bob"]]


def test_a_job_that_is_sent_again_is_recorded_once(client: Client) -> None:
    """`.job()` has drawn its id, so that it is the same job."""
    job = send.job("ada")
    with fake() as sent:
        client.enqueue_many("email", [job, job])
        client.enqueue_many("email", [job])
        client.enqueue_many("audit", [job])

    assert [found.queue for found in sent.jobs] == ["email", "audit"]


def test_reading_from_redis_is_refused_at_once(client: Client) -> None:
    """The answer could not be right, and waiting for a Redis that is not there takes seconds."""
    with fake():
        for call in (
            client.queues,
            client.queue("email").counts,
            client.queue("email").dead.list,
            lambda: client.queue("email").cancel("1"),
        ):
            with pytest.raises(ConfigurationError, match=r"flume\.testing\.fake\(\) is active"):
                call()


async def test_reading_with_the_async_client_is_refused_too() -> None:
    """As with the other one."""
    client = AsyncClient(NOWHERE, timeout=0.1)
    with fake(), pytest.raises(ConfigurationError, match="is active"):
        await client.queue("email").counts()
    await client.close()


def test_jobs_of_all_threads_are_recorded(client: Client) -> None:
    """An app under test may enqueue from a pool of threads."""
    unique = ref("app.send").using(unique="key")
    with fake() as sent:
        threads = [
            threading.Thread(
                target=lambda: [client.enqueue("email", unique, number) for number in range(50)]
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(sent.jobs) == 1


def test_ten_thousand_jobs_are_recorded_quickly(client: Client) -> None:
    """A test of an import looks no job up in a list."""
    jobs = [send.using(unique=str(number)).job("ada") for number in range(10_000)]
    with fake() as sent:
        client.enqueue_many("email", jobs)

    assert len(sent.jobs) == 10_000
