"""The e-mail example: what `make demo` runs, as a new user runs it."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.processes import REPOSITORY, Process, running
from tests.support.waiting import wait_until

EXAMPLE = REPOSITORY / "examples" / "email"
DEMO_SECONDS = 60.0  # what the README promises
LIMIT = 1_000  # starts in 6 s, which newsletters and receipts share
COUNTS = (
    "enqueued",
    "sent",
    "sent_twice",
    "refused",
    "dead",
    "retried",
    "taken_back",
    "left",
    "limit",
    "period",
    "most_starts",
    "batches",
    "batched",
    "batch_size",
    "largest_batch",
    "paused_seconds",
    "started_in_pause",
    "seconds",
)
SVG = "{http://www.w3.org/2000/svg}"

Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return what starts the demo; when the test ends, none of its processes may be left."""
    folder = tmp_path / "demo's"
    folder.mkdir()
    environment = {"PYTHONPATH": str(REPOSITORY / "worker"), "TMPDIR": str(folder)}
    started = []

    def start(*arguments: str) -> Process:
        command = [sys.executable, str(EXAMPLE / "demo.py"), *arguments]
        context = running(command, log=tmp_path / "demo.log", environment=environment)
        started.append(context)
        return context.__enter__()

    try:
        yield start
        left = processes_with(folder)
    finally:
        for context in started:
            context.__exit__(None, None, None)

    assert left == []
    assert list(folder.iterdir()) == []


@pytest.mark.process
@pytest.mark.timeout(3 * DEMO_SECONDS)
def test_ten_thousand_mails_go_out_within_a_minute_limited_batched_paused_and_with_a_worker_killed(
    start: Start,
) -> None:
    """The first thing that a new user sees must be true, and must not take long."""
    began = time.monotonic()
    demo = start()
    code = demo.wait(2 * DEMO_SECONDS)
    took = time.monotonic() - began

    assert code == 0, demo.output
    numbers = summary_of(demo.output)
    assert numbers["enqueued"] == 10_000
    assert numbers["sent"] + numbers["dead"] == 10_000
    assert numbers["dead"] > 50
    assert numbers["retried"] > 200
    assert numbers["taken back"] > 0
    assert "no mail was lost" in demo.output
    assert LIMIT / 2 < numbers["in any 6 s"] <= LIMIT
    assert numbers["batches"] >= 715
    fill = re.search(r"of 10 digests at most, (\d+) % full", demo.output)
    assert fill is not None
    assert int(fill[1]) > 80
    assert numbers["paused"] >= 3
    assert " 0 digests started meanwhile" in demo.output
    assert re.search(r"digests paused since \d\d:\d\d:\d\d: provider is down", demo.output)
    assert "\x1b" not in demo.output  # plain, where nobody watches
    assert took < DEMO_SECONDS


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_stopped_half_way_leaves_nothing_running(
    start: Start, number: signal.Signals
) -> None:
    """Who has seen enough presses Ctrl-C, and must not find a server and two workers later."""
    demo = start()
    demo.wait_for_output(" waiting", timeout=30)
    demo.send(number)

    assert demo.wait(20) == 128 + number


@pytest.mark.process
@pytest.mark.timeout(DEMO_SECONDS)
def test_the_picture_of_the_readme_is_a_film_of_a_real_run(start: Start, tmp_path: Path) -> None:
    """The command that the example's README names makes the picture anew."""
    picture = tmp_path / "demo.svg"
    demo = start("--mails", "300", "--svg", str(picture))

    assert demo.wait(DEMO_SECONDS) == 0, demo.output
    assert texts_of(picture)[-1].endswith("no mail was lost.")
    assert ET.parse(picture).getroot().find(f".//{SVG}animate") is not None


def test_the_readme_s_picture_shows_ten_thousand_mails_and_loads_nothing() -> None:
    """An image that asks another host for a font is broken wherever that host is not allowed."""
    picture = REPOSITORY / "docs" / "images" / "demo.svg"
    shown = " ".join(texts_of(picture))

    assert "= 10,000 enqueued" in shown
    assert "killed with -9" in shown
    assert re.findall(r"https?://[^\"]+", picture.read_text(encoding="utf-8")) == [SVG[1:-1]]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({}, None),
        ({"sent": 97}, "1 mails are neither sent nor dead"),
        ({"dead": 3, "sent": 97}, "2 addresses were refused, but 3 jobs are dead"),
        ({"left": 4}, "4 jobs are still in the queues"),
        ({"most_starts": 1_001}, "1,001 jobs started in 6 s, the limit is 1,000"),
        ({"largest_batch": 11}, "a batch had 11 jobs, not 10 at most"),
        ({"started_in_pause": 1}, "1 jobs of a paused queue started"),
    ],
)
def test_a_count_that_does_not_add_up_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, int], finding: str | None
) -> None:
    """A demo that always says "no mail was lost" shows nothing."""
    monkeypatch.syspath_prepend(EXAMPLE)
    counted = {**dict.fromkeys(COUNTS, 0), "enqueued": 100, "sent": 98, "dead": 2, "refused": 2}
    counted |= {"limit": LIMIT, "period": 6, "most_starts": LIMIT}
    counted |= {"batch_size": 10, "largest_batch": 10}

    mistakes = import_module("summary").Summary(**{**counted, **change}).mistakes()

    assert mistakes == ([finding] if finding else [])


@pytest.mark.parametrize(
    ("at_s", "most"),
    [
        ([], 0),
        ([0.0, 1.0, 5.999], 3),
        ([0.0, 1.0, 6.0], 2),
        ([5.5, 5.9, 6.1, 11.4, 11.6], 4),  # across the ends of fixed windows
    ],
)
def test_the_highest_count_is_that_of_every_window_wherever_it_begins(
    monkeypatch: pytest.MonkeyPatch, at_s: list[float], most: int
) -> None:
    """Windows that begin at 0, 6 and 12 s would miss a burst across their ends."""
    monkeypatch.syspath_prepend(EXAMPLE)
    windows = import_module("windows")
    starts = [windows.Start(round(at * 1e9), "newsletters", 1) for at in at_s]

    assert windows.highest(starts, 6) == most


def test_a_pause_counts_the_jobs_of_all_batches_that_start_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A single batch of ten is ten jobs that should have waited."""
    monkeypatch.syspath_prepend(EXAMPLE)
    windows = import_module("windows")
    starts = [windows.Start(at_ns, "digests", 10) for at_ns in (99, 100, 199, 200)]

    assert windows.between(starts, 100, 200) == 20


def summary_of(output: str) -> dict[str, float]:
    """Return the numbers of the summary by their names."""
    lines = re.findall(r"^ +([\d,.]+)(?: s)?  ([a-z][a-z0-9 ]*?)  ", output, re.M)
    return {name: float(number.replace(",", "")) for number, name in lines}


def processes_with(folder: Path) -> list[str]:
    """Return the command lines of the processes that use a folder for temporary files (Linux)."""

    def found() -> list[str]:
        commands = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"TMPDIR={folder}".encode() in (process / "environ").read_bytes():
                    commands.append((process / "cmdline").read_text().replace("\0", " "))
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                continue
        return commands

    if os.name != "posix" or not Path("/proc/self/environ").exists():
        return []
    try:
        wait_until(lambda: not found(), timeout=5)
    except TimeoutError:
        return found()
    return []


def texts_of(picture: Path) -> list[str]:
    """Return the texts that are drawn in the last frame, from the top down."""
    root = ET.parse(picture).getroot()
    hidden = {
        text
        for group in root.findall(f".//{SVG}g[@visibility='hidden']")
        for text in group.iter(f"{SVG}text")
    }
    return [text.text or "" for text in root.iter(f"{SVG}text") if text not in hidden]
