"""Names, and the keys made of them."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flume import keys
from flume.errors import NameRefusedError
from flume.keys import Keys, LimitKeys, check_handler, check_prefix, check_queue, queues_key

QUEUE = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?", fullmatch=True)
PREFIX = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}", fullmatch=True)
CHECKS = [check_queue, check_handler, check_prefix]


@pytest.mark.parametrize("name", ["a", "0", "e-mail.high_1", "x" * 63])
def test_a_queue_name_is_accepted(name: str) -> None:
    """It is the name of a Kubernetes object nearly always."""
    assert check_queue(name) == name


@pytest.mark.parametrize(
    "name", ["", "Email", "x" * 64, "-a", "a-", ".a", "a.", "a b", "a:b", "a{b}", "é", "a\n", "a\0"]
)
def test_another_queue_name_is_refused(name: str) -> None:
    """Braces would end the hash tag, so that a queue's keys lay in several slots."""
    with pytest.raises(NameRefusedError, match=f"{re.escape(repr(name))} cannot name a queue"):
        check_queue(name)


@pytest.mark.parametrize("name", ["a", "_a", "app.jobs.send", "App.Send-2", "x" * 200])
def test_a_handler_name_is_accepted(name: str) -> None:
    """Dots and dashes are for names that are no Python paths."""
    assert check_handler(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "1a", ".a", "x" * 201, "a b", "a:b", "a{b}", "f.<locals>.g", "é", "a\n", 'a"', "a\\"],
)
def test_another_handler_name_is_refused(name: str) -> None:
    """Scripts find the name in a body up to the next quote, and split members at the space."""
    with pytest.raises(NameRefusedError, match="cannot name a handler"):
        check_handler(name)


@pytest.mark.parametrize("prefix", ["flume", "flume:team-a", "A.b_c", "0", "x" * 100])
def test_a_prefix_is_accepted(prefix: str) -> None:
    """A namespace is put into it: `flume:{namespace}` in the chart's values, without braces."""
    assert check_prefix(prefix) == prefix


@pytest.mark.parametrize("prefix", ["", ":a", "a{b}", "a b", "x" * 101, "a*", "a\n", "é"])
def test_another_prefix_is_refused(prefix: str) -> None:
    """A brace in it would be the hash tag of every key."""
    with pytest.raises(NameRefusedError, match="cannot be a key prefix"):
        check_prefix(prefix)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("value", [None, 5, b"email", ["email"]])
def test_what_is_no_string_is_refused_in_words(check: object, value: object) -> None:
    """A slip in code that no type checker has seen."""
    assert callable(check)
    with pytest.raises(NameRefusedError):
        check(value)


@given(st.text(max_size=80))
def test_no_name_that_is_accepted_can_break_a_key_or_a_value(name: str) -> None:
    """Whatever is accepted has only characters that separate nothing."""
    for check in (check_queue, check_handler):
        try:
            check(name)
        except NameRefusedError:
            continue
        assert set(name) <= set(string.ascii_letters + string.digits + "._-")


@given(QUEUE, PREFIX)
def test_all_keys_of_a_queue_share_one_slot(queue: str, prefix: str) -> None:
    """In a Redis Cluster a script may only touch keys of one slot, which the hash tag decides."""
    for key in all_keys(Keys(queue, prefix)):
        assert key[key.index("{") + 1 : key.index("}")] == queue
        assert key.startswith(f"{prefix}:{{")


@given(st.lists(st.tuples(QUEUE, PREFIX), min_size=2, max_size=2, unique=True))
def test_queues_and_prefixes_share_no_key(worlds: list[tuple[str, str]]) -> None:
    """A prefix is a tenant's world: nobody reaches past it by a clever name."""
    one, other = (set(all_keys(Keys(queue, prefix))) for queue, prefix in worlds)

    assert one & other == set()


def test_the_keys_of_a_queue_differ() -> None:
    """Two parts of the data model in one key would be read as one another."""
    found = all_keys(Keys("email"))

    assert len(found) == len(set(found))


def test_every_key_is_in_the_table_of_the_module_and_no_other() -> None:
    """The table is the documentation of the data model."""
    table = set(re.findall(r"``(flume:\{email\}:[\w:]+)``", keys.__doc__ or ""))
    made = {key.replace("app.send", "NAME") for key in all_keys(Keys("email"))}

    limit = set(re.findall(r"``(flume:\{limit:KEY\}:\w+)``", keys.__doc__ or ""))

    assert table == made
    assert limit == set(limit_keys(LimitKeys("KEY")))
    assert f"``{queues_key()}``" in (keys.__doc__ or "")


def test_the_name_of_all_queues_cannot_be_that_of_a_queue() -> None:
    """It lies outside the braces of every queue."""
    assert queues_key("flume:a") == "flume:a:queues"
    assert "{" not in queues_key()


@given(QUEUE, QUEUE)
def test_the_private_limit_of_a_queue_is_nobody_elses(queue: str, key: str) -> None:
    """A limit of a user's choice must not be the one that a queue keeps to itself."""
    private, shared = limit_keys(LimitKeys.private(queue)), limit_keys(LimitKeys(key))

    assert not {*private} & {*shared, *all_keys(Keys(queue)), *all_keys(Keys(key))}
    assert {key[key.index("{") + 1 : key.index("}")] for key in private} == {f"limit:@{queue}"}


def limit_keys(made: LimitKeys) -> list[str]:
    """Return every key of a rate limit."""
    return [made.ring, made.callers, made.senders]


def all_keys(made: Keys) -> list[str]:
    """Return every key of a queue, with one handler."""
    plain = [name for name, kind in vars(Keys).items() if isinstance(kind, property)]
    return [getattr(made, name) for name in plain] + [made.ready("app.send"), made.wake("app.send")]
