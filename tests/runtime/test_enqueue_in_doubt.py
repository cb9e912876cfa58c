"""What many callers of one client send together is stored once, also where no answer came."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from flume import AsyncClient, Client, ref
from flume.errors import PayloadError, ServerUnavailableError
from flume.job import Job
from tests.support.proxy import Proxy
from tests.support.servers import Server

SEND = ref("app.send")


@pytest.fixture
async def client(server: Server) -> AsyncIterator[AsyncClient]:
    """Return a client that has opened its queue, so that callers meet at once."""
    async with AsyncClient(server.url) as opened:
        await opened.enqueue("email", SEND)
        yield opened


async def test_cancelling_a_caller_loses_no_job_of_the_others_nor_of_later_ones(
    client: AsyncClient,
) -> None:
    """The first of those who gather sends for all; where it is cancelled, each repeats its call.

    All of them then gave its lane back, and later calls that met in that lane were taken for
    resends: a third of the jobs that enqueue had returned for were lost.
    """
    stored = {job.id for job in await client.enqueue_many("email", [SEND.job()])}
    for _ in range(20):
        callers = [asyncio.Task(client.enqueue("email", SEND, n)) for n in range(10)]
        for _ in range(3):  # until the call is on its way
            await asyncio.sleep(0)
        callers[0].cancel()
        answers = await asyncio.gather(*callers, return_exceptions=True)
        stored |= {answer.id for answer in answers if isinstance(answer, Job)}
        names = [f"handler{number}" for number in range(10)]  # each in a call of its own
        jobs = await asyncio.gather(*(client.enqueue("email", name) for name in names))
        stored |= {job.id for job in jobs}

    found = {job.id for job in await client.queue("email").jobs("ready", limit=1000)}
    assert stored - found == set()


def test_a_list_that_stopped_half_way_can_be_sent_again_as_a_whole(server: Server) -> None:
    """Also where its first jobs have run meanwhile: they are not stored a second time."""
    jobs = [SEND.job(number) for number in range(4500)]
    bad = SEND.job((1,))
    with Client(server.url) as client:
        with pytest.raises(PayloadError):
            client.enqueue_many("email", [*jobs, bad])
        ran = client.queue("email").counts().ready
        client.queue("email").purge()  # as if workers had run them

        client.enqueue_many("email", jobs)

        assert ran == 4000
        assert client.queue("email").counts().ready == 500


async def test_callers_without_an_answer_can_each_send_again(proxy: Proxy) -> None:
    """As the error tells them to, all at once and with all of its jobs."""
    async with AsyncClient(proxy.url, timeout=0.3) as client:
        await client.enqueue("email", SEND)
        proxy.drop_replies(1_000_000)
        answers = await asyncio.gather(
            *(client.enqueue("email", SEND, number) for number in range(10)),
            return_exceptions=True,
        )
        proxy.heal()
        errors = [answer for answer in answers if isinstance(answer, ServerUnavailableError)]
        await asyncio.gather(*(client.enqueue_many("email", error.jobs) for error in errors))
        await asyncio.gather(*(client.enqueue("email", f"handler{n}") for n in range(20)))

        assert len(errors) == 10
        assert (await client.queue("email").counts()).ready == 1 + 10 + 20


def test_the_first_call_of_a_client_waits_for_redis_as_later_ones_do(proxy: Proxy) -> None:
    """It asks first whether anybody knows the queue, and that question was asked once only."""
    proxy.drop_replies(3)
    with Client(proxy.url) as client:
        client.enqueue("email", SEND)

        assert client.queue("email").counts().ready == 1


async def test_so_does_the_first_call_of_an_async_client(proxy: Proxy) -> None:
    """Callers that gather meet there too."""
    proxy.drop_replies(3)
    async with AsyncClient(proxy.url) as client:
        await asyncio.gather(*(client.enqueue("email", SEND, number) for number in range(10)))

        assert (await client.queue("email").counts()).ready == 10


async def test_jobs_whose_queue_was_not_reached_can_be_sent_again(proxy: Proxy) -> None:
    """The guide sends the error's jobs again: where there are none, they are lost in silence."""
    proxy.refuse()
    with Client(proxy.url, timeout=0.2) as client, pytest.raises(ServerUnavailableError) as sync:
        client.enqueue("email", SEND)
    async with AsyncClient(proxy.url, timeout=0.2) as opened:
        with pytest.raises(ServerUnavailableError) as single:
            await opened.enqueue("email", SEND)
        with pytest.raises(ServerUnavailableError) as many:
            await opened.enqueue_many("email", [SEND.job(), SEND.job()])
        proxy.heal()
        for error in (sync.value, single.value, many.value):
            await opened.enqueue_many("email", error.jobs)

        assert (await opened.queue("email").counts()).ready == 4


async def test_scheduled_jobs_whose_queue_was_not_reached_keep_their_time(proxy: Proxy) -> None:
    """Sent again as the error says, they were run at once."""
    later = timedelta(hours=1)
    proxy.refuse()
    with Client(proxy.url, timeout=0.2) as client, pytest.raises(ServerUnavailableError) as sync:
        client.enqueue_in("email", later, SEND)
    async with AsyncClient(proxy.url, timeout=0.2) as opened:
        with pytest.raises(ServerUnavailableError) as awaited:
            await opened.enqueue_in("email", later, SEND)
        proxy.heal()
        for error in (sync.value, awaited.value):
            await opened.enqueue_many("email", error.jobs)
        counts = await opened.queue("email").counts()

    assert (counts.ready, counts.scheduled) == (0, 2)


async def test_a_queue_that_nobody_has_is_told_once_to_all_who_come_at_once(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """A slip in its name is seen, and not hundreds of times."""
    async with AsyncClient(server.url) as client:
        await asyncio.gather(*(client.enqueue("emial", SEND, number) for number in range(50)))
        counts = await client.queue("emial").counts()

    assert [record.message for record in caplog.records] == ["queue_unconfigured"]
    assert (counts.ready, counts.totals["unconfigured"]) == (50, 1)
