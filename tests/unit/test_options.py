"""Options: what one job takes with it, over what its handler and its pipeline say."""

from datetime import timedelta
from typing import Any

import pytest

from flume.errors import HandlerError
from flume.handler import handler, ref, registry
from flume.options import Options


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a test defines out of other tests."""
    monkeypatch.setattr(registry, "handlers", [])
    monkeypatch.setattr(registry, "lifespans", [])


def test_using_changes_neither_the_handler_nor_the_one_before() -> None:
    """A handler is shared by all of an app; options of one call must not reach another."""

    @handler(name="send", max_retries=9)
    def send(to: str) -> None: ...

    some = send.using(max_retries=3, headers={"a": "b"})
    more = some.using(timeout=timedelta(seconds=5))

    assert send.job("ada").body.max_retries is None
    assert send.job("ada").headers == {}
    assert some.job("ada").body.timeout_s is None
    assert (more.job("ada").body.max_retries, more.job("ada").body.timeout_s) == (3, 5.0)
    assert more.job("ada").headers == {"a": "b"}
    assert registry.handlers == [send]


def test_the_later_using_wins_and_leaves_the_rest() -> None:
    """Options are put together in steps: the app's own, then those of one call."""

    @handler(name="send")
    def send() -> None: ...

    changed = send.using(max_retries=3, unique="a").using(max_retries=0)

    assert (changed.options.max_retries, changed.options.unique) == (0, "a")


def test_a_limit_can_be_put_on_a_unique_key_that_was_given_before() -> None:
    """The two are checked together as they will be sent, not call by call."""

    @handler(name="send")
    def send() -> None: ...

    job = send.using(unique="a").using(unique_for=timedelta(hours=1)).job()

    assert (job.unique, job.unique_for_ms) == ("a", 3_600_000)


def test_options_of_a_handler_are_not_sent_with_each_job() -> None:
    """The worker reads them from the handler, so that a deployment changes waiting jobs too."""

    @handler(
        name="send",
        max_retries=9,
        timeout=timedelta(seconds=1),
        backoff_initial=timedelta(seconds=2),
        backoff_max=timedelta(seconds=3),
    )
    def send() -> None: ...

    assert send.defaults == Options(
        9, timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=3)
    )
    assert send.using(headers={"a": "b"}).defaults == send.defaults
    assert send.job().body.max_retries is None


def test_all_options_reach_the_job() -> None:
    """Each is a field of the body, in the unit of its name."""

    @handler(name="send")
    def send() -> None: ...

    job = send.using(
        max_retries=0,
        timeout=timedelta(seconds=1.5),
        backoff_initial=timedelta(milliseconds=20),
        backoff_max=timedelta(minutes=1),
        headers={"a": "b"},
        unique="key",
        unique_for=timedelta(seconds=1),
    ).job()

    body = job.body
    assert (body.max_retries, body.timeout_s, body.backoff_initial_s) == (0, 1.5, 0.02)
    assert (body.backoff_max_s, body.headers) == (60.0, {"a": "b"})
    assert (job.unique, job.unique_for_ms) == ("key", 1000)


def test_headers_are_taken_as_they_are_now() -> None:
    """The caller's dict may change later, between two jobs or while a job waits to be sent."""

    @handler(name="send")
    def send() -> None: ...

    headers = {"a": "b"}
    with_headers = send.using(headers=headers)
    first = with_headers.job()
    headers["a"] = first.headers["c"] = "changed"

    assert with_headers.job().headers == {"a": "b"}


def test_a_key_held_for_less_than_a_millisecond_is_not_held_for_ever() -> None:
    """0 ms means: until the job ends."""
    assert ref("a").using(unique="k", unique_for=timedelta(microseconds=1)).job().unique_for_ms == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_retries": -1}, "max_retries is -1; use 0 to 1000"),
        ({"max_retries": 1001}, "use 0 to 1000"),
        ({"timeout": timedelta(0)}, "timeout is datetime.timedelta"),
        ({"timeout": timedelta(seconds=-1)}, "above 0"),
        ({"timeout": 30}, "timeout is 30; use a timedelta"),
        ({"backoff_initial": timedelta(0)}, "backoff_initial"),
        ({"backoff_max": timedelta(days=4000)}, "up to 3660 days"),
        ({"unique_for": timedelta(hours=1)}, "unique_for needs unique"),
        ({"unique": "a", "unique_for": timedelta(0)}, "unique_for"),
        ({"unique": ""}, "unique has 0 characters"),
        ({"unique": "x" * 513}, "unique has 513 characters"),
        ({"unique": 5}, "unique is a int"),
        ({"unique": "a\ud800"}, "unique holds text that UTF-8 cannot encode"),
        ({"headers": {"a": 1}}, "the header 'a' is a int"),
        ({"headers": {1: "a"}}, "the header 1"),
        ({"headers": {"a": "\ud800"}}, "the header 'a'"),
        ({"headers": {"a": None}}, "the header 'a' is a NoneType"),
    ],
)
def test_an_option_out_of_bounds_is_refused_where_it_is_given(
    options: dict[str, Any], says: str
) -> None:
    """A worker could not read such a job; it would be found dead an hour later."""
    with pytest.raises(HandlerError, match=says):
        ref("app.send").using(**options)


def test_none_leaves_an_option_as_it_is() -> None:
    """Unset is not default: it leaves the choice to the handler, then to the pipeline."""
    assert ref("a").using(max_retries=2).using(max_retries=None).options.max_retries == 2
