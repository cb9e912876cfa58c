"""Where `fake()` is active: in a block, in a decorated test, and never in two places at once."""

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from flume import AsyncClient, Client, recording
from flume.errors import ConfigurationError
from flume.testing import fake
from tests.support.nowhere import NOWHERE, send

pytestmark = pytest.mark.usefixtures("nothing_is_left")


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
