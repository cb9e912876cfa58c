"""The recorder's assertions, and what they say when they fail."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from unittest.mock import ANY

import pytest

from flume import Client, handler, ref
from flume.errors import ScheduleError
from flume.testing import Recorder, fake

NOWHERE = "redis://127.0.0.1:1/0"
WHEN = datetime(2030, 1, 1, 12, tzinfo=UTC)


@handler(name="app.send", aliases=["app.post"])
def send(to: str, count: int = 1, *, subject: str = "") -> None:
    """Send a mail."""


@handler(name="app.tidy")
def tidy(queue: str = "", count: int = 0, due: str = "") -> None:
    """Have parameters with the names of our options."""


@pytest.fixture
def client() -> Client:
    """Return a client whose Redis is not there."""
    return Client(NOWHERE)


@pytest.fixture
def sent() -> Iterator[Recorder]:
    """Return a recorder that is in place during the test."""
    with fake() as recorder:
        yield recorder


def failure(sent: Recorder, *args: object, **kwargs: object) -> str:
    """Return what `assert_enqueued` says where it fails."""
    with pytest.raises(AssertionError) as failed:
        sent.assert_enqueued(*args, **kwargs)  # type: ignore[arg-type]
    return str(failed.value)


def test_a_job_is_found_by_handler_name_and_arguments(client: Client, sent: Recorder) -> None:
    """In whichever way the app and the test name it."""
    client.enqueue("email", send, "ada", subject="Hi")

    for named in (send, ref("app.send"), "app.send"):
        [found] = sent.assert_enqueued(named, "ada", subject="Hi")
        assert found is sent.jobs[0]
        sent.assert_enqueued(named, "ada", subject="Hi", queue="email", count=1)
        sent.assert_not_enqueued(named, "bob", subject="Hi")
        sent.assert_not_enqueued(named, "ada", subject="Hi", queue="audit")


def test_without_arguments_every_job_of_the_handler_is_found(
    client: Client, sent: Recorder
) -> None:
    """Often it is enough that a mail was sent."""
    client.enqueue_many("email", [send.job("ada"), send.job("bob"), tidy.job()])

    assert [job.args for job in sent.assert_enqueued(send)] == [["ada"], ["bob"]]
    sent.assert_enqueued(send, count=2)
    sent.assert_not_enqueued("app.other")


def test_a_job_stands_for_its_own_arguments(client: Client, sent: Recorder) -> None:
    """The type checker checks them, they may be none, and they may be called like our options."""
    client.enqueue("email", tidy)
    client.enqueue("email", tidy, queue="a", count=2, due="b")

    sent.assert_enqueued(tidy.job(), count=1)
    sent.assert_enqueued(tidy.job(queue="a", count=2, due="b"), queue="email", count=1)
    sent.assert_not_enqueued(tidy.job(queue="b"))
    sent.assert_enqueued(tidy, count=2)
    with pytest.raises(TypeError, match="pass none beside it"):
        sent.assert_enqueued(tidy.job(), "a")


@pytest.mark.parametrize("name", ["app.send", "app.post"])
def test_it_does_not_matter_how_an_argument_was_passed(
    client: Client, sent: Recorder, name: str
) -> None:
    """The handler sees no difference between a position and a name."""
    client.enqueue("email", name, "ada", 2, subject="Hi")

    sent.assert_enqueued(ref(name).job(to="ada", count=2, subject="Hi"))
    sent.assert_enqueued(ref(name).job("ada", subject="Hi", count=2))
    sent.assert_not_enqueued(ref(name).job("ada", 3, subject="Hi"))


def test_arguments_that_do_not_fit_the_handler_are_compared_as_they_are(
    client: Client, sent: Recorder
) -> None:
    """An app that enqueues by name may be wrong, which is what a test is for."""
    client.enqueue("email", "app.send", colour="red")

    sent.assert_enqueued(ref("app.send").job(colour="red"))
    assert "colour is 'red', not 'blue'" in failure(sent, ref("app.send").job(colour="blue"))


def test_a_matcher_stands_for_any_value(client: Client, sent: Recorder) -> None:
    """Such as for a token that the app draws."""
    client.enqueue("email", send, "ada", subject="x7f")

    sent.assert_enqueued(send, "ada", subject=ANY)


@pytest.mark.parametrize(
    ("value", "expected"), [(True, 1), (1, 1.0), ([1], [1]), ({"a": [1]}, {"a": [1]})]
)
def test_values_are_compared_as_python_compares_them(
    client: Client, sent: Recorder, value: object, expected: object
) -> None:
    """As `assert one == other` would."""
    client.enqueue("email", ref("a"), value)

    sent.assert_enqueued("a", expected)


def test_a_time_is_compared_where_it_is_given(client: Client, sent: Recorder) -> None:
    """In any time zone, and up to the millisecond that is kept."""
    client.enqueue("email", send, "now")
    client.enqueue_in("email", timedelta(minutes=5), send, "in")
    client.enqueue_at("email", WHEN + timedelta(microseconds=1), send, "at")

    berlin = timezone(timedelta(hours=1))
    sent.assert_enqueued(send, count=3)
    sent.assert_enqueued(send, "in", due=timedelta(minutes=5))
    sent.assert_enqueued(send, "at", due=WHEN.astimezone(berlin))
    sent.assert_enqueued(send, due=timedelta(0), count=1)
    sent.assert_not_enqueued(send, "in", due=timedelta(minutes=6))
    sent.assert_not_enqueued(send, "in", due=WHEN)
    sent.assert_not_enqueued(send, "at", due=timedelta(minutes=5))
    with pytest.raises(ScheduleError, match="has no time zone"):
        sent.assert_enqueued(send, due=datetime(2030, 1, 1))  # noqa: DTZ001


def test_what_is_no_handler_is_refused(sent: Recorder) -> None:
    """It could never have been enqueued, so that `assert_not_enqueued` would always pass."""
    with pytest.raises(TypeError, match="is no handler: put @handler above the function"):
        sent.assert_not_enqueued(print)  # type: ignore[arg-type]


def test_a_failure_shows_the_closest_jobs_and_what_differs(client: Client, sent: Recorder) -> None:
    """A person sees at once which argument is wrong."""
    client.enqueue("audit", send, "bob", subject="Hello")
    client.enqueue("email", send, "ada", subject="Hello")
    client.enqueue("email", tidy)

    assert failure(sent, send, "ada", subject="Hi", queue="email") == (
        "no job like this was enqueued:\n"
        "  email: app.send('ada', subject='Hi')\n"
        "2 job(s) of that handler were:\n"
        "  email: app.send('ada', subject='Hello')\n"
        "    subject is 'Hello', not 'Hi'\n"
        "  audit: app.send('bob', subject='Hello')\n"
        "    it is in the queue audit, not email\n"
        "    to is 'bob', not 'ada'\n"
        "    subject is 'Hello', not 'Hi'"
    )


def test_a_failure_tells_missing_and_surplus_arguments_and_times(
    client: Client, sent: Recorder
) -> None:
    """All of what makes it another job."""
    client.enqueue_in("email", timedelta(seconds=5), send, "ada", subject="Hi")

    text = failure(sent, send.job("ada", 2), due=WHEN)

    assert "count is missing, expected 2" in text
    assert "subject is 'Hi', expected none" in text
    assert "it is due in 0:00:05, not at 2030-01-01T12:00:00+00:00" in text


def test_a_failure_without_a_job_of_that_handler_asks_whether_another_was_meant(
    client: Client, sent: Recorder
) -> None:
    """A slip in a name is the usual reason."""
    assert "Nothing was enqueued at all." in failure(sent, "app.sent")
    client.enqueue("email", send, "ada")

    text = failure(sent, "app.sent", count=2)

    assert text.startswith(
        "no job like this was enqueued, expected 2:\n  app.sent with any arguments"
    )
    assert "Did you mean app.send?" in text
    assert "1 job(s) of other handlers were:\n  email: app.send('ada')" in text


def test_a_failure_about_the_count_shows_the_jobs(client: Client, sent: Recorder) -> None:
    """Twice is as wrong as never."""
    client.enqueue_many("email", [send.job("ada") for _ in range(3)])

    text = failure(sent, send, "ada", count=1)

    assert text.startswith(
        "3 job(s) like this were enqueued, expected 1:\n  app.send('ada')\nThese"
    )
    assert text.count("email: app.send('ada')") == 3


def test_a_job_that_should_not_be_there_is_shown(client: Client, sent: Recorder) -> None:
    """With all of its arguments."""
    client.enqueue("email", send, "ada", subject="Hi")

    with pytest.raises(AssertionError, match="expected none") as failed:
        sent.assert_not_enqueued(send)
    assert "email: app.send('ada', subject='Hi')" in str(failed.value)


def test_nothing_enqueued_is_asserted_in_one_word(client: Client, sent: Recorder) -> None:
    """For a request that was refused."""
    sent.assert_nothing_enqueued()
    client.enqueue("email", send, "ada")

    with pytest.raises(AssertionError, match=r"1 job\(s\) were enqueued, expected none:\n  email"):
        sent.assert_nothing_enqueued()
    sent.clear()
    sent.assert_nothing_enqueued()


def test_a_failure_stays_short(client: Client, sent: Recorder) -> None:
    """A thousand jobs of a megabyte in a terminal help nobody."""
    client.enqueue_many("email", [send.job(f"{number} {'x' * 5000}") for number in range(1000)])

    text = failure(sent, send, "ada")

    assert "1000 job(s) of that handler were" in text
    assert "characters)" in text
    assert len(text) < 5000


def test_count_zero_means_none(client: Client, sent: Recorder) -> None:
    """A count that a test computes may be zero."""
    sent.assert_enqueued(send, count=0)
    client.enqueue("email", send, "ada")

    assert "1 job(s) like this were enqueued, expected none" in failure(sent, send, count=0)
