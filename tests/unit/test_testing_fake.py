"""`fake()`: nothing is sent, all is recorded, and what Redis could not keep is refused."""

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flume import AsyncClient, Client, handler, recording, ref
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

NOWHERE = "redis://127.0.0.1:1/0"  # nothing listens there: whatever is sent fails


@handler(name="app.send")
def send(to: str, *, subject: str = "") -> None:
    """Send a mail."""


@pytest.fixture
def client() -> Client:
    """Return a client whose Redis is not there."""
    return Client(NOWHERE, timeout=0.1)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """A recorder that stays in place would swallow the jobs of all later tests."""
    yield
    assert recording.active is None


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


def test_a_decorator_records_while_the_function_runs(client: Client) -> None:
    """The recorder is made above, so that the function needs no argument for it."""
    sent = fake()

    @sent
    def sign_up(name: str) -> str:
        """Sign up."""
        client.enqueue("email", send, name)
        return name.upper()

    assert sign_up("ada") == "ADA"
    assert [job.args for job in sent.jobs] == [["ada"]]
    assert sign_up("bob") == "BOB"
    assert [job.args for job in sent.jobs] == [["bob"]]


async def test_a_decorator_records_while_an_async_function_runs() -> None:
    """Until it has ended, and not only until its first await."""
    client = AsyncClient(NOWHERE, timeout=0.1)
    sent = fake()

    @sent
    async def sign_up() -> str:
        await asyncio.sleep(0)
        await client.enqueue("email", send, "ada")
        return "done"

    assert await sign_up() == "done"
    assert [job.args for job in sent.jobs] == [["ada"]]
    await client.close()


def test_a_decorated_function_looks_like_itself() -> None:
    """pytest reads a test's fixtures from its signature, and its name from the function."""

    @fake()
    def test_it(tmp_path: str) -> None:
        """Say it."""

    @fake()
    async def test_that() -> None: ...

    assert (test_it.__name__, test_it.__doc__) == ("test_it", "Say it.")
    assert list(inspect.signature(test_it).parameters) == ["tmp_path"]
    assert inspect.iscoroutinefunction(test_that)


def test_what_cannot_be_decorated_is_refused() -> None:
    """A generator returns before it has run; recording would end at once."""

    def fixture() -> Iterator[int]:
        yield 1

    async def async_fixture() -> AsyncIterator[int]:
        yield 1

    class TestMail:
        """Has tests."""

    for function in (fixture, async_fixture):
        with pytest.raises(TypeError, match=r"yields: use `with fake\(\):` inside it"):
            fake()(function)
    with pytest.raises(TypeError, match="is a class: decorate its test methods"):
        fake()(TestMail)


def test_an_error_passes_through_and_ends_the_recording(client: Client) -> None:
    """As with any context manager."""
    sent = fake()

    @sent
    def fails() -> None:
        client.enqueue("email", send, "ada")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert recording.active is None
    assert len(sent.jobs) == 1


def test_a_block_inside_another_records_its_own_jobs_alone(client: Client) -> None:
    """One for a whole module does not keep a test from having its own."""
    with fake() as outer:
        client.enqueue("email", send, "1")
        with fake() as inner:
            client.enqueue("email", send, "2")
        client.enqueue("email", send, "3")

    assert [job.args for job in outer.jobs] == [["1"], ["3"]]
    assert [job.args for job in inner.jobs] == [["2"]]


def test_one_recorder_is_not_active_twice(client: Client) -> None:
    """Its first end would be the end of both."""
    sent = fake()
    with sent:
        client.enqueue("email", send, "ada")
        with pytest.raises(ConfigurationError, match="active already"), sent:
            pass

        assert len(sent.jobs) == 1
        assert recording.active is sent


def test_blocks_that_end_in_another_order_are_refused(client: Client) -> None:
    """The jobs between the two ends were recorded by the wrong one."""
    outer, inner = fake(), fake()
    outer.__enter__()
    inner.__enter__()

    with pytest.raises(ConfigurationError, match="a fake\\(\\) inside this one is still active"):
        outer.__exit__(None, None, None)
    assert recording.active is inner
    inner.__exit__(None, None, None)


def test_another_thread_cannot_record_at_the_same_time() -> None:
    """Recording is for the whole process: two tests at once would see one another's jobs."""
    found: list[BaseException] = []

    def test_it() -> None:
        try:
            with fake():
                pass
        except ConfigurationError as error:
            found.append(error)

    with fake():
        thread = threading.Thread(target=test_it)
        thread.start()
        thread.join()

    assert "another thread or task is inside fake()" in str(found[0])


async def test_another_task_cannot_record_at_the_same_time() -> None:
    """Tests that are gathered take turns at every await."""
    inside, done = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        with fake():
            inside.set()
            await done.wait()

    async def second() -> None:
        await inside.wait()
        with pytest.raises(ConfigurationError, match="another thread or task"), fake():
            pass
        done.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(first())
        tasks.create_task(second())


async def test_what_a_finished_task_left_active_keeps_nobody_out() -> None:
    """An async fixture may be entered in a task of its own, and a test in another."""
    outer = fake()

    async def enter() -> None:
        outer.__enter__()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(enter())
    with fake():
        pass

    outer.__exit__(None, None, None)


def test_jobs_of_all_threads_are_recorded(client: Client) -> None:
    """An app under test may enqueue from a pool of threads."""
    with fake() as sent:
        threads = [
            threading.Thread(
                target=lambda: [client.enqueue("email", send.using(unique="k"), "ada")] * 50
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
