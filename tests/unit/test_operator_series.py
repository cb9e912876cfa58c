"""Kubernetes Events: what is said again is counted, and a page of them stays readable."""

from __future__ import annotations

import pytest

from flume_operator import series
from flume_operator.series import About, Event, Kind, SeriesTable, clipped

EMAIL = About("shop", "email", "uid-1")
AT = "2025-06-01T12:00:00.000000Z"


def event(note: str = "Redis does not answer.", *, reason: str = "RedisUnavailable") -> Event:
    """Return a warning about the Pipeline ``email``."""
    return Event(EMAIL, Kind.WARNING, reason, "SyncSettings", note)


def say(table: SeriesTable, said: Event, *, now: float) -> None:
    """Say an Event, and write what is due."""
    table.say(said, now=now, at=AT)


def written(table: SeriesTable, now: float) -> list[tuple[str, int]]:
    """Write what is due; return notes with the counts they have then."""
    done = []
    for each in table.due(now):
        entry = table[each]
        count = entry.written + entry.pending
        table.wrote(each, pending=entry.pending, count=count, now=now)
        done.append((each.note, count))
    return done


def test_what_is_said_again_is_counted_and_written_once_a_minute() -> None:
    """A Pipeline whose Redis is gone for an hour leaves one line, and few writes."""
    table = SeriesTable()
    writes = []
    for now in range(600):
        say(table, event(), now=now)
        writes += written(table, now)

    assert len(writes) == 600 / series.QUIET_S
    assert writes[0] == ("Redis does not answer.", 1)
    assert writes[-1] == ("Redis does not answer.", 541)


def test_the_first_is_written_at_once_and_the_next_when_the_minute_is_over() -> None:
    """Nobody waits for the first one; the last count is not lost."""
    table = SeriesTable()
    say(table, event(), now=0.0)
    first = table.next_due_s(0.0)
    written(table, 0.0)
    idle = table.next_due_s(0.0)
    say(table, event(), now=10.0)

    assert (first, idle) == (0.0, float("inf"))
    assert table.next_due_s(10.0) == series.QUIET_S - 10.0
    assert written(table, series.QUIET_S) == [("Redis does not answer.", 2)]


def test_another_note_is_another_event() -> None:
    """A person who mends a spec sees what is wrong now, not what was."""
    table = SeriesTable()
    say(table, event("maxDemand is 0"), now=0.0)
    say(table, event("batchSize is 0"), now=1.0)

    assert written(table, 1.0) == [("maxDemand is 0", 1), ("batchSize is 0", 1)]


def test_notes_that_change_each_time_are_counted_in_the_last_one() -> None:
    """A number in a note would make a new Event each time."""
    table = SeriesTable()
    for number in range(50):
        say(table, event(f"waited {number} s"), now=float(number))
    notes = written(table, 50.0)

    assert notes == [("waited 0 s", 1), ("waited 1 s", 1), ("waited 2 s", 48)]


def test_one_pipeline_does_not_silence_another() -> None:
    """What counts is how often the same is said of the same object."""
    table = SeriesTable()
    for number in range(10):
        about = About("shop", f"p{number}", f"uid-{number}")
        say(table, Event(about, Kind.NORMAL, "Paused", "Pause", "It is paused."), now=0.0)

    assert len(written(table, 0.0)) == 10


def test_the_table_forgets_and_has_an_end() -> None:
    """An operator runs for months, and its memory does not grow."""
    table = SeriesTable()
    for number in range(series.MOST + 10):
        about = About("shop", "email", f"uid-{number}")
        say(table, Event(about, Kind.NORMAL, "Paused", "Pause", ""), now=0.0)
    full = len(table)
    written(table, 0.0)
    say(table, event(), now=series.MEMORY_S)

    assert (full, table.dropped) == (series.MOST, 10)
    assert len(table) == 1


def test_the_name_comes_from_what_is_said() -> None:
    """The next leader finds the Event of the last one by its name."""
    same, other = event("a"), event("b")

    assert event("a").name == same.name
    assert same.name != other.name
    assert same.name.startswith("email.")
    assert len(same.name) == len("email.") + 16


@pytest.mark.parametrize("note", ["x" * 5000, "é" * 5000, "€" * 5000])
def test_a_note_that_is_too_long_is_cut_between_letters(note: str) -> None:
    """Kubernetes counts bytes, and refuses more than 1024."""
    cut = clipped(note)

    assert len(cut.encode()) <= series.MOST_NOTE_BYTES
    assert cut.endswith("…")
    assert note.startswith(cut[:-1])
    assert clipped("short") == "short"
