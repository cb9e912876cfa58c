"""Files, documents, lines and hints: what a person gets to read when a manifest is wrong."""

from pathlib import Path

import pytest

from flume.manifest import ManifestError, load
from tests.unit.bad_specs import GOOD


def complaints(text: str, *, source: str = "email.yaml") -> list[str]:
    """Return the lines with which a text is refused."""
    with pytest.raises(ManifestError) as refused:
        load(text, source=source)
    return str(refused.value).splitlines()


def unknown(field: str) -> str:
    """Return the line about an unknown field of the spec."""
    [line] = complaints(GOOD.replace("queue: email", f"queue: email, {field}: 1"))
    return line


def test_a_file_is_read_by_its_path_and_text_by_itself(tmp_path: Path) -> None:
    """Standard input has no path, so `-f -` hands in the text."""
    path = tmp_path / "email.yaml"
    path.write_text(GOOD)

    assert load(path) == load(GOOD)


def test_a_file_may_hold_several_pipelines() -> None:
    """kubectl takes them so, and what is applied together is kept together."""
    more = GOOD.replace("email", "sms")

    assert [manifest.spec.queue for manifest in load(f"{GOOD}---\n{more}---\n# end\n")] == [
        "email",
        "sms",
    ]


def test_all_problems_of_all_documents_are_told_at_once_from_top_to_bottom() -> None:
    """Mending one mistake to be shown the next one is slow, and slower with a cluster behind it."""
    text = """\
apiVersion: flume.dev/v1alpha1
kind: Pipeline
metadata: {name: Email}
spec:
  maxDemand: 0
  concurrency: 5
  modules: []
  maxDemand: 0
  rateLimit: {count: 1}
---
apiVersion: flume.dev/v1alpha1
kind: Pipeline
metadata: {name: sms}
spec: {queue: sms, modules: [a], retry: {backoffInitialSeconds: 700, maxRetries: five}}
---
a: b: c
"""

    assert [line.partition(" (")[0] for line in complaints(text)] == [
        'email.yaml, document 1, line 3: metadata.name: Invalid value: "Email": '
        "metadata.name in body should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'",
        "email.yaml, document 1, line 4: spec.queue: Required value",
        "email.yaml, document 1, line 7: spec.modules: Invalid value: 0: "
        "spec.modules in body should have at least 1 items",
        'email.yaml, document 1, line 8: duplicate field "spec.maxDemand"',
        "email.yaml, document 1, line 8: spec.maxDemand: Invalid value: 0: "
        "spec.maxDemand in body should be greater than or equal to 1",
        "email.yaml, document 1, line 9: spec.rateLimit.periodSeconds: Required value",
        'email.yaml, document 2, line 14: spec.retry.maxRetries: Invalid value: "string": '
        'spec.retry.maxRetries in body must be of type integer: "string"',
        "email.yaml, document 2, line 14: spec.retry.backoffInitialSeconds: Invalid value: "
        '"object": backoffInitialSeconds must not exceed backoffMaxSeconds',
        "email.yaml, document 3, line 16: not valid YAML: mapping values are not allowed here",
    ]


def test_a_rule_is_not_judged_on_a_field_that_is_wrong_in_itself() -> None:
    """One mistake is one sentence: comparing a word with a number adds nothing."""
    text = GOOD.replace("queue: email", "queue: email, concurrency: 5, maxDemand: many")

    assert len(complaints(text)) == 1


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("maxDemnd", 'did you mean "maxDemand"?'),
        ("max_demand", 'did you mean "maxDemand"?'),
        ("maxRetries", 'did you mean "spec.retry.maxRetries"?'),
        ("tolerations", 'did you mean "spec.pod.tolerations"?'),
        ("zzz", "docs/reference/pipeline.md lists all fields"),
    ],
)
def test_an_unknown_field_is_answered_with_the_nearest_known_one(field: str, hint: str) -> None:
    """A typo, another style of naming, and the right name in the wrong place are all common."""
    assert unknown(field) == f'email.yaml, line 4: unknown field "spec.{field}" ({hint})'


def test_an_unknown_field_of_a_small_object_is_answered_with_all_it_has() -> None:
    """Three names are read faster than a page is opened."""
    [line] = complaints(
        GOOD.replace("queue: email", "queue: email, rateLimit: {count: 1, periodSeconds: 1, zz: 1}")
    )

    assert line.endswith("(known fields: count, periodSeconds, key)")


def test_a_pattern_is_said_in_words_too() -> None:
    """A regular expression is exact, and nobody reads it."""
    [line] = complaints(GOOD.replace("queue: email", "queue: E"))

    assert line.endswith(
        "(allowed: a-z, 0-9, '.', '_' and '-', starting and ending with a letter or digit)"
    )


def test_a_number_where_text_is_needed_asks_for_quotes() -> None:
    """YAML turns `8080` and `no` into something else than they look like."""
    [line] = complaints(GOOD.replace("queue: email", "queue: email, env: [{name: A, value: no}]"))

    assert line.endswith('must be of type string: "boolean" (put it in quotes)')


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("[app.jobs]", "app.jobs", "write a list: each item on a line of its own, behind a dash"),
        ("{queue: email, modules: [app.jobs]}", "email", "write its fields: each on a line of its"),
    ],
)
def test_what_has_one_form_is_answered_with_it(old: str, new: str, hint: str) -> None:
    """Who writes one word for a list does not know what belongs there."""
    [line] = complaints(GOOD.replace(old, new))

    assert f"({hint}" in line


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "kind: Pipeline",
            "kind: Pipelin",
            'line 2: no matches for kind "Pipelin" in version "flume.dev/v1alpha1" '
            "(flume reads Pipeline of flume.dev/v1alpha1)",
        ),
        (
            "flume.dev/v1alpha1",
            "flume.dev/v1",
            'line 2: no matches for kind "Pipeline" in version "flume.dev/v1" '
            "(flume reads Pipeline of flume.dev/v1alpha1)",
        ),
        ("kind: Pipeline", "", "line 1: kind: Required value (write kind: Pipeline)"),
        (
            "apiVersion: flume.dev/v1alpha1",
            "",
            "line 2: apiVersion: Required value (write apiVersion: flume.dev/v1alpha1)",
        ),
        ("metadata: {name: email}", "", "line 1: metadata: Required value"),
    ],
)
def test_another_kind_of_object_is_named(old: str, new: str, expected: str) -> None:
    """The words are kubectl's, for a type that the cluster does not have."""
    assert complaints(GOOD.replace(old, new)) == [f"email.yaml, {expected}"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n---\n"])
def test_a_file_without_a_pipeline_is_a_mistake(text: str) -> None:
    """Running nothing and saying nothing looks like success."""
    [line] = complaints(text)

    assert line == "email.yaml: no Pipeline in it (kind Pipeline of flume.dev/v1alpha1)"


def test_a_document_that_is_no_mapping_is_refused() -> None:
    """A list of Pipelines is not a way to write several."""
    assert complaints("- apiVersion: flume.dev/v1alpha1") == [
        "email.yaml, line 1: not a Pipeline: write apiVersion, kind, metadata and spec"
    ]


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """A wrong path is the first mistake that anybody makes."""
    with pytest.raises(ManifestError) as missing:
        load(tmp_path / "nope.yaml")
    with pytest.raises(ManifestError) as folder:
        load(tmp_path)

    assert (
        str(missing.value) == f"{tmp_path / 'nope.yaml'}: cannot be read: No such file or directory"
    )
    assert str(folder.value) == f"{tmp_path}: cannot be read: Is a directory"
