"""Jobs from JSON lines."""

from __future__ import annotations

from typing import Any

import pytest

from flume.cli.exits import Exit
from flume.cli.lines import Call, LineError, calls_of


def _calls(*lines: str, handler: str | None = "send", **options: Any) -> list[Call]:
    encoded = [line.encode() for line in lines]
    return [call for _, call in calls_of(encoded, handler, options)]


def test_a_line_is_an_array_of_arguments_or_an_object() -> None:
    """An array is what a spreadsheet export is made into fastest."""
    first, second = _calls('["ada", 1]', '{"args": ["bob"], "kwargs": {"a": 2}}')

    assert (first.args, first.kwargs) == (["ada", 1], {})
    assert (second.args, second.kwargs) == (["bob"], {"a": 2})


def test_a_line_counts_before_the_command_line() -> None:
    """The command line holds for lines that say nothing themselves."""
    plain, own = _calls(
        "[]", '{"handler": "other", "max_retries": 1, "headers": {"a": "b"}}', max_retries=7
    )

    assert (plain.ref.name, plain.job().body.max_retries) == ("send", 7)
    assert (own.ref.name, own.job().body.max_retries, own.job().headers) == ("other", 1, {"a": "b"})


def test_what_a_listing_prints_can_be_handed_in_again() -> None:
    """`flume dead list a --json | flume enqueue b --from-file -` moves jobs."""
    (call,) = _calls(
        '{"id":"1","queue":"a","state":"dead","handler":"send","args":[1],"kwargs":{},"headers":{},'
        '"attempts":3,"at":"2026-01-31T12:00:00Z","error":"no","raw_base64":null}',
        handler=None,
    )

    assert (call.ref.name, call.args) == ("send", [1])


def test_empty_lines_are_passed_over_but_counted() -> None:
    """The number in an error is that of an editor."""
    encoded = [b"\n", b"[1]\n", b"  \n", b"[2]\n"]

    assert [number for number, _ in calls_of(encoded, "send", {})] == [2, 4]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"arg": ["SECRET"]}', "line 1 is no job: Object contains unknown field `arg`"),
        ('{"args": "SECRET"}', "line 1 is no job: Expected `array`"),
        ("SECRET", "line 1 is not JSON"),
        ('{"args": [', "line 1 is not JSON"),
        ('{"handler": "no way", "args": ["SECRET"]}', "line 1 cannot be enqueued"),
        ('{"max_retries": -1, "args": ["SECRET"]}', "line 1 cannot be enqueued"),
        ("[" * 2000, "line 1 is not JSON"),
    ],
)
def test_a_wrong_line_is_named_and_its_content_is_not_shown(line: str, complaint: str) -> None:
    """Errors end up in logs of schedulers, where payloads must not be."""
    with pytest.raises(LineError, match=complaint) as refused:
        _calls(line)

    assert "SECRET" not in str(refused.value)
    assert refused.value.code is Exit.USAGE


def test_a_line_needs_a_handler_from_somewhere() -> None:
    """Without HANDLER on the command line each line names its own."""
    with pytest.raises(LineError, match="names no handler"):
        _calls("[1]", handler=None)
