"""YAML is read as kubectl reads it, so that local mode and the cluster see the same values."""

from typing import Any

import pytest

from flume.manifest.reading import MOST_VALUES, documents


def value(text: str) -> Any:
    """Return the value of the only document."""
    [document] = documents(text)
    assert [str(problem) for problem in document.problems] == []
    return document.value


def problems(text: str) -> list[str]:
    """Return all that is wrong with the documents of a text."""
    return [str(problem) for document in documents(text) for problem in document.problems]


@pytest.mark.parametrize(
    ("scalar", "expected"),
    [
        ("1", 1),
        ("-1", -1),
        ("1_000", 1000),
        ("0644", 420),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", 3),
        ("08", 8),
        ("1.0", 1),
        ("1e3", 1000),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("y", True),
        ("yes", True),
        ("off", False),
        ("N", False),
        ("tRUE", "tRUE"),
        ("'y'", "y"),
        ('"1"', "1"),
        ("!!str 1", "1"),
        ('!!int "1"', 1),
        ("~", None),
        ("null", None),
        ("", None),
        ("25%", "25%"),
        ("500m", "500m"),
    ],
)
def test_a_scalar_means_what_it_means_to_kubectl(scalar: str, expected: object) -> None:
    """Compared with the YAML library of kubectl; PyYAML reads eight of them differently."""
    found = value(f"a: {scalar}")["a"]

    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("key", "expected"), [("1", "1"), ("true", "true"), ("y", "true"), ("a", "a"), ("1.5", "1.5")]
)
def test_a_key_becomes_text(key: str, expected: str) -> None:
    """JSON has only text for keys, so a label that is called 1 is called "1"."""
    assert value(f"{key}: x") == {expected: "x"}


def test_the_same_key_twice_is_refused_with_its_path() -> None:
    """The second one would win in silence, and the first is the one a person reads."""
    assert problems("spec:\n  retry: {maxRetries: 1, maxRetries: 2}\nspec: {}") == [
        'duplicate field "spec.retry.maxRetries"',
        'duplicate field "spec"',
    ]


def test_anchors_and_merges_are_resolved() -> None:
    """Pipelines that differ in one field share the rest in this way."""
    text = "a: &a {p: 1, q: 1}\nb: &b {q: 2, r: 2}\nc: {<<: [*a, *b], p: 3}\nd: [*a]"

    assert value(text)["c"] == {"p": 3, "q": 1, "r": 2}
    assert value(text)["d"] == [{"p": 1, "q": 1}]


def test_a_merge_may_be_overridden_by_a_key_of_the_same_name() -> None:
    """That is no duplicate: it is what merging is for."""
    assert value("a: &a {x: 1}\nb: {x: 2, <<: *a}")["b"] == {"x": 2}


def test_the_line_of_a_value_is_that_of_its_key_or_of_what_is_around_it() -> None:
    """A missing field has no line of its own; the object that misses it has."""
    [document] = documents("a:\n  b:\n    - c: 1\n    - d: 2\n")

    assert document.line(("a", "b", 1, "d")) == 4
    assert document.line(("a", "b", 1, "missing")) == 4
    assert document.line(("a", "missing")) == 1


def test_documents_are_told_apart_and_empty_ones_have_no_value() -> None:
    """kubectl skips empty documents; so that numbers match what a person counts, we keep them."""
    assert [document.value for document in documents("a: 1\n---\n# none\n---\nb: 2\n")] == [
        {"a": 1},
        None,
        {"b": 2},
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: b: c", "not valid YAML: mapping values are not allowed here"),
        ("a: *nope", "not valid YAML: found undefined alias 'nope'"),
        ("\ta: b", "not valid YAML: found character '\\t' that cannot start any token"),
        ("a: \x00", "not valid YAML: special characters are not allowed"),
        ("a: {<<: 5}", "<< takes a mapping or a list of mappings"),
        ("? [a]\n: b", "line 1 has a key that is not text"),
        ("a: .inf", "a: a value that JSON cannot hold (tag:yaml.org,2002:float)"),
        ("a: !secret b", "a: a value that JSON cannot hold (!secret)"),
        ("a: &a [*a]", "not valid YAML: it is nested too deeply"),
        ("a: " + "[" * 5000, "not valid YAML: it is nested too deeply"),
    ],
)
def test_what_is_not_a_manifest_at_all_gets_a_sentence(text: str, expected: str) -> None:
    """A traceback of a YAML library helps nobody who forgot a quote."""
    assert problems(text) == [expected]


def test_text_that_is_not_utf_8_gets_a_sentence() -> None:
    """An archive or an image is soon given instead of its manifest."""
    [document] = documents(b"\x89PNG\xff\xfe")

    assert "not valid YAML" in str(document.problems[0])


def test_aliases_that_multiply_end_at_a_bound() -> None:
    """Thirty lines of aliases describe a billion values and would fill the memory."""
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)
    )

    assert problems(text) == [f"not valid YAML: more than {MOST_VALUES} values"]
