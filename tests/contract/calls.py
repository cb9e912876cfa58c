"""Right and wrong calls, which only the type checker reads.

What a wrong one is refused for stands in its ``type: ignore``.  mypy complains of an ignore that
hides nothing, and ``test_typing`` takes all of them away and looks.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import assert_type

from flume import AsyncClient, Batch, Client, Job, batch_handler, handler, lifespan, ref
from flume.testing import Ran, fake, run_until_empty

WAIT = timedelta(minutes=5)
WHEN = datetime(2030, 1, 1, tzinfo=UTC)


@handler
async def send_email(to: str, *, subject: str = "") -> None:
    """Send a mail."""


@handler(name="tidy", aliases=["old"], max_retries=3, timeout=timedelta(seconds=5))
def tidy(days: int, keep: list[str] | None = None) -> int:
    """Delete what is older than so many days."""
    return days


@handler
def takes_any(*args: int, **kwargs: str) -> None:
    """Take any number of arguments."""


@handler
def takes_our_names(handler: int, *, queue: int, wait: int, when: int) -> None:
    """Have parameters with the names of ours."""


@batch_handler(name="digest", aliases=["old.digest"], max_retries=2)
def digest(batch: Batch[str]) -> int:
    """Take batches of strings."""
    for job in batch:
        assert_type(job.value, str)
    batch.fail(batch[0], ValueError("no such name"))
    batch.retry(batch[0], after=WAIT)
    batch.retry(batch[0], after=300)  # type: ignore[arg-type]
    batch.discard(batch[0], reason="unsubscribed", bury=True)
    batch.fail("ada", ValueError())  # type: ignore[arg-type]
    batch.fail(batch[0], "no such name")  # type: ignore[arg-type]
    return len(batch)


@batch_handler
async def digest_rows(batch: Batch[dict[str, int]]) -> None:
    """Take batches of dicts."""
    assert_type(batch.values, list[dict[str, int]])


def batch_calls(client: Client) -> None:
    """Check that the jobs of a batch handler are enqueued one by one, with one argument each."""
    assert_type(client.enqueue("digest", digest, "ada"), Job)
    client.enqueue("digest", digest_rows, {"a": 1})
    client.enqueue("digest", digest)  # type: ignore[call-overload]
    client.enqueue("digest", digest, 5)  # type: ignore[call-overload]
    client.enqueue("digest", digest, ["ada", "bob"])  # type: ignore[call-overload]
    client.enqueue("digest", digest, "ada", "bob")  # type: ignore[call-overload]
    client.enqueue("digest", digest, name="ada")  # type: ignore[call-overload]
    client.enqueue("digest", digest, Batch.of("ada"))  # type: ignore[call-overload]
    client.enqueue("digest", digest_rows, {"a": "b"})  # type: ignore[call-overload]
    client.enqueue("digest", digest.using(unique="ada", max_retries=1), "ada")
    client.enqueue("digest", digest.using(unique="ada"), 5)  # type: ignore[call-overload]
    client.enqueue_in("digest", WAIT, digest, "ada")
    client.enqueue_at("digest", WHEN, digest, 5)  # type: ignore[call-overload]
    client.enqueue_many("digest", [digest.job("ada"), digest_rows.job({"a": 1})])
    digest.job(5)  # type: ignore[arg-type]
    digest.job()  # type: ignore[call-arg]
    assert_type(digest(Batch.of("ada", "bob")), int)
    digest(Batch.of(1, 2))  # type: ignore[arg-type]
    digest("ada")  # type: ignore[arg-type]


@batch_handler  # type: ignore[arg-type]
def takes_no_batch(name: str) -> None:
    """Take what is no batch."""


@batch_handler(size=10)  # type: ignore[call-overload, untyped-decorator]
def decorated_strangely(batch: Batch[str]) -> None:
    """Have an option that does not exist."""


def sync_calls(client: Client) -> None:
    """Check what an app calls."""
    assert_type(client.enqueue("email", send_email, "ada", subject="Hi"), Job)
    client.enqueue("email", send_email, to="ada")
    client.enqueue("email", send_email)  # type: ignore[call-overload]
    client.enqueue("email", send_email, 5)  # type: ignore[call-overload]
    client.enqueue("email", send_email, "ada", "Hi")  # type: ignore[call-overload]
    client.enqueue("email", send_email, "ada", subjekt="Hi")  # type: ignore[call-arg]
    client.enqueue("email", send_email, "ada", subject=None)  # type: ignore[arg-type]
    client.enqueue("email", tidy, 5, ["a"])
    client.enqueue("email", tidy, "5")  # type: ignore[call-overload]
    client.enqueue("email", takes_any, 1, 2, a="b")
    client.enqueue("email", takes_any, "1")  # type: ignore[call-overload]
    client.enqueue("email", takes_our_names, 1, queue=2, wait=3, when=4)
    client.enqueue("email", takes_our_names, 1, queue="2", wait=3, when=4)  # type: ignore[arg-type]
    client.enqueue("email", "app.send", "anything", at=1)
    client.enqueue("email", ref("app.send"), "anything", at=1)
    client.enqueue("email", print, "ada")  # type: ignore[call-overload]
    client.enqueue(5, send_email, "ada")  # type: ignore[call-overload]
    client.enqueue(send_email, "ada")  # type: ignore[call-overload]
    client.enqueue(queue="email", handler=send_email, to="ada")  # type: ignore[call-overload]


def sync_scheduled(client: Client) -> None:
    """Check what an app calls for later."""
    assert_type(client.enqueue_in("email", WAIT, send_email, "ada"), Job)
    client.enqueue_in("email", WAIT, takes_our_names, 1, queue=2, wait=3, when=4)
    client.enqueue_in("email", WAIT, "app.send", "anything")
    client.enqueue_in("email", WAIT, send_email)  # type: ignore[call-overload]
    client.enqueue_in("email", 300, send_email, "ada")  # type: ignore[call-overload]
    client.enqueue_in("email", WHEN, send_email, "ada")  # type: ignore[call-overload]
    assert_type(client.enqueue_at("email", WHEN, send_email, "ada"), Job)
    client.enqueue_at("email", WHEN, send_email, 5)  # type: ignore[call-overload]
    client.enqueue_at("email", WAIT, send_email, "ada")  # type: ignore[call-overload]
    client.enqueue_at("email", "tomorrow", send_email, "ada")  # type: ignore[call-overload]


def sync_many(client: Client) -> None:
    """Check what an app calls with many jobs."""
    jobs = [send_email.job("ada", subject="Hi"), tidy.job(5), ref("app.send").job(1, a=2)]
    assert_type(client.enqueue_many("email", jobs), list[Job])
    client.enqueue_many("email", (send_email.job(name) for name in ("ada", "bob")))
    client.enqueue_many("email", [send_email])  # type: ignore[list-item]
    client.enqueue_many("email", [("ada",)])  # type: ignore[list-item]
    client.enqueue_many("email", tidy.job(5))  # type: ignore[arg-type]


def jobs_and_options(client: Client) -> None:
    """Check that options keep the handler's arguments."""
    assert_type(send_email.job("ada"), Job)
    send_email.job()  # type: ignore[call-arg]
    send_email.job("ada", retries=1)  # type: ignore[call-arg]
    tidy.job("5")  # type: ignore[arg-type]
    takes_our_names.job(1, queue=2, wait=3, when=4)
    assert_type(tidy.using(max_retries=1).using(headers={"a": "b"}).job(5), Job)
    client.enqueue("email", tidy.using(unique="a", unique_for=WAIT), 5)
    client.enqueue("email", tidy.using(unique="a"), "5")  # type: ignore[call-overload]
    tidy.using(max_retries="1")  # type: ignore[arg-type]
    tidy.using(timeout=30)  # type: ignore[arg-type]
    tidy.using(retries=1)  # type: ignore[call-arg]
    tidy.using(headers={"a": 1})  # type: ignore[dict-item]
    tidy.using(5)  # type: ignore[call-arg]
    client.enqueue("email", ref("app.send").using(max_retries=1, unique="a"), "anything")
    ref("app.send").using(retries=1)  # type: ignore[call-arg]
    ref("app.send").using(timeout=30)  # type: ignore[arg-type]
    ref(tidy)  # type: ignore[arg-type]


async def async_calls(client: AsyncClient) -> None:
    """Check that the async client takes what the other one takes."""
    assert_type(await client.enqueue("email", send_email, "ada", subject="Hi"), Job)
    await client.enqueue("email", send_email)  # type: ignore[call-overload]
    await client.enqueue("email", send_email, 5)  # type: ignore[call-overload]
    await client.enqueue("email", send_email, "ada", subjekt="Hi")  # type: ignore[call-arg]
    await client.enqueue("email", takes_our_names, 1, queue=2, wait=3, when=4)
    await client.enqueue("email", "app.send", "anything", at=1)
    await client.enqueue("email", print, "ada")  # type: ignore[call-overload]
    await client.enqueue_in("email", WAIT, send_email, "ada")
    await client.enqueue_in("email", 300, send_email, "ada")  # type: ignore[call-overload]
    await client.enqueue_in("email", WAIT, send_email, to=5)  # type: ignore[call-overload]
    await client.enqueue_at("email", WHEN, send_email, "ada")
    await client.enqueue_at("email", WAIT, send_email, "ada")  # type: ignore[call-overload]
    await client.enqueue_at("email", WHEN, tidy, days="5")  # type: ignore[call-overload]
    assert_type(await client.enqueue_many("email", [tidy.job(5)]), list[Job])
    await client.enqueue_many("email", [tidy])  # type: ignore[list-item]
    await client.enqueue("email", tidy.using(max_retries=1), 5)
    await client.enqueue("email", tidy.using(max_retries=1), "5")  # type: ignore[call-overload]
    client.enqueue("email", tidy, 5)  # type: ignore[unused-coroutine]


async def calling_handlers() -> None:
    """Check that a handler is still the function it was."""
    assert_type(tidy(5), int)
    assert_type(await send_email("ada"), None)
    tidy("5")  # type: ignore[arg-type]
    await send_email(5)  # type: ignore[arg-type]


@handler(5)  # type: ignore[call-overload, untyped-decorator]
def decorated_wrongly() -> None:
    """Pass a name by position."""


@handler(max_retries="3")  # type: ignore[call-overload, untyped-decorator]
def decorated_badly() -> None:
    """Pass a string for a number."""


@lifespan  # type: ignore[arg-type]
def opens_nothing(argument: int) -> Iterator[None]:
    """Need an argument that nobody passes."""
    yield


async def testing(client: Client, async_client: AsyncClient) -> None:
    """Check what tests of an app call."""
    with fake() as sent:
        sent.assert_enqueued(send_email, "ada", queue="email", count=1, due=WAIT)
        sent.assert_enqueued(send_email.job("ada"), count=1)
        sent.assert_enqueued(send_email.job(5))  # type: ignore[arg-type]
        sent.assert_enqueued(print)  # type: ignore[arg-type]
        sent.assert_enqueued(send_email, count="1")  # type: ignore[arg-type]
        sent.assert_enqueued(digest, "ada")
        sent.assert_enqueued(digest.job(5))  # type: ignore[arg-type]
    assert_type(run_until_empty(client, "email", modules=["app"]), Ran)
    assert_type(await run_until_empty(async_client, "email", modules=["app"]), Ran)
    run_until_empty(client, "email")  # type: ignore[call-overload]
    run_until_empty("email", modules=["app"])  # type: ignore[call-overload]


@fake()
def test_decorated(argument: int) -> str:
    """Keep the signature of a decorated function."""
    return str(argument)


@fake()
async def test_async_decorated(argument: int) -> str:
    """Keep the signature of a decorated async function."""
    return str(argument)


async def decorated() -> None:
    """Check that decorated functions are called as before."""
    assert_type(test_decorated(1), str)
    assert_type(await test_async_decorated(1), str)
    test_decorated("1")  # type: ignore[arg-type]
    await test_async_decorated("1")  # type: ignore[arg-type]
