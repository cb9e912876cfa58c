"""What a job carries comes back from Redis equal, or is refused before it is sent."""

import base64
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flume.codec import DEEPEST, Body, decode, encode, encode_new
from flume.errors import NotJsonError, PayloadError, PayloadTooLargeError, UnreadableJobError


class Number(enum.IntEnum):
    """Whole numbers with names."""

    ONE = 1


class Word(enum.StrEnum):
    """Strings with names."""

    YES = "yes"


class Colour(enum.Enum):
    """Names that are equal to nothing else."""

    RED = "red"


class Name(str):
    """A string of its own kind, such as Django's SafeString."""

    __slots__ = ()


@dataclasses.dataclass
class Point:
    """A dataclass."""

    x: int


class Record(msgspec.Struct):
    """A struct."""

    x: int


Pair = collections.namedtuple("Pair", "a b")

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
anything = st.recursive(
    scalars
    | st.floats()
    | st.binary()
    | st.datetimes()
    | st.decimals()
    | st.uuids()
    | st.text(st.characters())  # with lone surrogates
    | st.sampled_from([Number.ONE, Word.YES, Colour.RED, Name("x"), Point(1), Record(1)]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.sets(st.integers(), max_size=3)
        | st.dictionaries(st.text(st.characters()) | st.integers() | st.none(), inner, max_size=4)
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, and so are the types that JSON tells apart."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, float) or isinstance(other, float):
        return isinstance(one, float) and isinstance(other, float) and repr(one) == repr(other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def nested(levels: int) -> list[Any]:
    """Return lists within lists."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@given(st.lists(json_values, max_size=4), st.dictionaries(st.text(), json_values, max_size=4))
@example([-0.0, 0.0, 5e-324, 1e308, 2**53 + 1, 2**64, -(2**63) - 1], {})
@example([True, 1, 1.0, False, 0, None, ""], {"self": 1, "args": 2, "kwargs": 3})
@example(["\0", "\u2028", "😀", "]}[{"], {"": "", "handler": "other"})
def test_json_values_come_back_equal_and_of_the_same_kind(
    args: list[Any], kwargs: dict[str, Any]
) -> None:
    """A handler must see what the app passed: True is not 1, and 1 is not 1.0."""
    back = decode(encode_new(Body("app.send", args, kwargs)))

    assert same(back.args, args)
    assert same(back.kwargs, kwargs)


@given(st.lists(anything, max_size=3), st.dictionaries(st.text(st.characters()), anything))
@example([float("nan")], {})
@example([-(10**4299)], {})
@example([[1, (2, 3)]], {})
@example([], {"a": {1: 2}})
def test_whatever_is_passed_comes_back_equal_or_is_refused(
    args: list[Any], kwargs: dict[str, Any]
) -> None:
    """There is no third way: neither a changed value nor an error that is not ours."""
    try:
        data = encode_new(Body("app.send", args, kwargs))
    except PayloadError:
        return

    back = decode(data)
    assert back.args == args
    assert back.kwargs == kwargs


@pytest.mark.parametrize(
    ("value", "where", "says"),
    [
        (float("nan"), "args[0]", "neither nan nor infinity"),
        (float("-inf"), "args[0]", "neither nan nor infinity"),
        ((1, 2), "args[0]", "Pass a list."),
        ([1, {"a": [(1,)]}], "args[0][1]['a'][0]", "Pass a list."),
        (Pair(1, 2), "args[0]", "Pass a list."),
        ({1: "a"}, "a key of args[0]", "Use strings as keys."),
        ({True: "a"}, "a key of args[0]", "Use strings as keys."),
        ({Number.ONE: "a"}, "a key of args[0]", "Use strings as keys."),
        ({None: "a"}, "a key of args[0]", "Use strings as keys."),
        ({"a": {(1,): "a"}}, "a key of args[0]['a']", "Use strings as keys."),
        ("a\ud800", "args[0]", "text that UTF-8 cannot encode"),
        (["a\ud800"], "args[0][0]", "text that UTF-8 cannot encode"),
        ({"a\ud800": 1}, "a key of args[0]", "text that UTF-8 cannot encode"),
        (Name("x"), "args[0]", "Pass str(value)."),
        (datetime.datetime(2030, 1, 1), "args[0]", "value.isoformat()"),  # noqa: DTZ001
        (datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC), "args[0]", "value.isoformat()"),
        (datetime.date(2030, 1, 1), "args[0]", "value.isoformat()"),
        (datetime.timedelta(hours=1), "args[0]", "value.total_seconds()"),
        (decimal.Decimal("1.5"), "args[0]", "Pass str(value)."),
        (fractions.Fraction(1, 2), "args[0]", "Pass strings, numbers"),
        (uuid.UUID(int=1), "args[0]", "Pass str(value)."),
        (b"x", "args[0]", "base64"),
        (bytearray(b"x"), "args[0]", "Pass strings, numbers"),
        ({1, 2}, "args[0]", "Pass a sorted list."),
        (frozenset({1}), "args[0]", "Pass a sorted list."),
        (Colour.RED, "args[0]", "Pass value.value."),
        (Point(1), "args[0]", "dataclasses.asdict"),
        (Record(1), "args[0]", "msgspec.to_builtins"),
        (object(), "args[0]", "Pass strings, numbers"),
        (len, "args[0]", "Pass strings, numbers"),
        (1j, "args[0]", "Pass strings, numbers"),
        (msgspec.Raw(b"[1]"), "args[0]", "Pass strings, numbers"),
        pytest.param(-(10**4299), "args[0]", "4,000 digits", id="read again with its sign only"),
        pytest.param(10**6000, "args[0]", "4,000 digits", id="long"),
        pytest.param([10**6000], "args[0][0]", "4,000 digits", id="long, in a list"),
    ],
)
def test_what_does_not_come_back_is_refused_with_its_path_and_what_to_pass(
    value: Any, where: str, says: str
) -> None:
    """Found at enqueue it is a line to change; found in a worker it is a dead job."""
    with pytest.raises(NotJsonError, match="Nothing was enqueued") as refused:
        encode_new(Body("app.send", [value]))

    assert refused.value.path == where
    assert says in str(refused.value)


def test_a_keyword_argument_is_named_by_its_name() -> None:
    """The path is what stands in the call."""
    with pytest.raises(NotJsonError) as refused:
        encode_new(Body("app.send", [1], {"to": "ada", "when": [datetime.date(2030, 1, 1)]}))

    assert refused.value.path == "when[0]"


def test_a_keyword_that_utf_8_cannot_encode_is_named() -> None:
    """Its values are fine, so that only the name can be what is wrong."""
    with pytest.raises(NotJsonError, match="a key of kwargs is a str"):
        encode_new(Body("app.send", [], {"a\ud800": 1}))


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (Number.ONE, 1),
        (Word.YES, "yes"),
        ({Word.YES: 1}, {"yes": 1}),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.defaultdict(list, a=[1]), {"a": [1]}),
    ],
)
def test_what_is_equal_to_its_plain_form_comes_back_plain(value: Any, back: Any) -> None:
    """`Word.YES == "yes"`, so that a handler that compares sees no difference."""
    found = decode(encode_new(Body("app.send", [value]))).args[0]

    assert found == value
    assert type(found) is type(back)


@pytest.mark.parametrize("make", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_the_deepest_body_is_accepted_and_one_level_more_is_refused(make: Any) -> None:
    """A worker whose stack is deeper, or whose Python is older, must still be able to read it."""
    value: Any = 1
    for _ in range(DEEPEST - 1):  # the list of arguments is a level too
        value = make(value)

    assert decode(encode_new(Body("app.send", [value]))).args == [value]
    with pytest.raises(NotJsonError, match="nested too deeply"):
        encode_new(Body("app.send", [make(value)]))


@pytest.mark.parametrize("levels", [500, 100_000])
def test_any_depth_is_refused_in_words(levels: int) -> None:
    """A RecursionError out of enqueue names neither the argument nor the remedy."""
    with pytest.raises(NotJsonError, match=f"Use up to {DEEPEST} levels"):
        encode_new(Body("app.send", nested(levels)))


def test_a_list_that_contains_itself_is_refused_in_words() -> None:
    """It has no end, and neither may the search for what is wrong with it."""
    value: list[Any] = []
    value.append(value)

    with pytest.raises(NotJsonError, match="nested too deeply"):
        encode_new(Body("app.send", [], {"a": value}))


@pytest.mark.parametrize(
    "value",
    [
        [{"a": number} for number in range(2000)],
        {"text": "[[[{{{" * 500},
        [["]"] * 300, "{" * 300, nested(100)],
    ],
    ids=["wide", "text", "mixed"],
)
def test_brackets_beside_one_another_or_in_text_are_no_depth(value: Any) -> None:
    """Depth is told from the count of brackets first, which these have many of."""
    assert decode(encode_new(Body("app.send", [value]))).args == [value]


def test_the_cap_counts_the_whole_body_and_is_met_exactly() -> None:
    """The claim of a worker is bounded by it."""
    body = Body("app.send", ["x" * 1000])
    size = len(encode(body))

    assert len(encode_new(body, limit=size)) == size
    with pytest.raises(
        PayloadTooLargeError, match=f"{size:,} bytes long and the cap is {size - 1:,}"
    ):
        encode_new(body, limit=size - 1)


def test_a_body_of_256_kib_is_too_long_by_default() -> None:
    """A hundred of them would be a claim of 25 MiB."""
    encode_new(Body("app.send", ["x" * (256 * 1024 - 60)]))

    with pytest.raises(PayloadTooLargeError, match="262,144"):
        encode_new(Body("app.send", ["x" * 256 * 1024]))


@pytest.mark.parametrize("wide", ["é", "\0", "😀", '"'])
def test_the_cap_counts_bytes_and_not_characters(wide: str) -> None:
    """A text of 200 characters may be 1,200 bytes of JSON."""
    body = Body("app.send", [wide * 200])
    size = len(encode(body))

    assert size > 400
    with pytest.raises(PayloadTooLargeError):
        encode_new(body, limit=size - 1)


def test_no_error_holds_what_was_passed() -> None:
    """Errors go to logs, and an argument may be a password."""
    secret = "hunter2"
    for value in (f"{secret}\ud800", [secret, (secret,)], secret * 40_000, {secret.encode()}):
        with pytest.raises(PayloadError) as refused:
            encode_new(Body("app.send", [value]))

        assert secret not in str(refused.value)


def test_the_name_of_the_handler_comes_first_in_the_json() -> None:
    """Scripts read it from there without parsing the rest."""
    data = encode_new(Body("app.send", [], {"handler": "other"}, attempts=2, headers={"a": "b"}))

    assert data.startswith(b'{"handler":"app.send"')


def test_what_is_at_its_default_takes_no_room() -> None:
    """A million jobs wait in memory."""
    assert encode_new(Body("app.send")) == b'{"handler":"app.send"}'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"handler":5}',
        b'{"handler":"a","args":{}}',
        b'{"handler":"a","args":[1e999]}',
        b'{"handler":"a","attempts":1.5}',
        b'{"handler":"a","headers":{"b":1}}',
        b'{"handler":"a","args":["\\ud800"]}',
        b'{"handler":"a"',
        b"[" * 100_000,
        b'{"handler":"a","args":[' + b"9" * 5000 + b"]}",
    ],
    ids=lambda data: ascii(data[:40]),
)
def test_what_is_no_body_is_unreadable_in_one_kind_of_error(data: bytes) -> None:
    """A worker buries it; any other error would end the worker, and the next one after it."""
    with pytest.raises(UnreadableJobError, match=f"the body of {len(data):,} bytes"):
        decode(data)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    """Whoever can write to Redis must not be able to end a worker."""
    try:
        decode(data)
    except UnreadableJobError:
        pass


def test_an_error_that_a_script_appends_counts() -> None:
    """`reclaim` appends to a body what it must not parse and write again."""
    data = encode(Body("app.send", ["a"], error="an earlier one"))

    assert decode(data[:-1] + b',"error":"JobCrashedError"}').error == "JobCrashedError"


def test_fields_of_a_later_version_are_passed_over() -> None:
    """During a rolling deploy old workers read what new clients wrote."""
    assert decode(b'{"handler":"a","colour":"red","args":[1]}').args == [1]


def test_the_hint_for_bytes_works() -> None:
    """What an error tells to do must be right."""
    value = base64.b64encode(b"\0\xff").decode()

    assert decode(encode_new(Body("app.send", [value]))).args == [value]
