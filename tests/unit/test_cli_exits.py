"""Exit codes, and the command line without a server."""

from __future__ import annotations

import pytest

from flume import errors
from flume.cli.exits import CommandEndedError, Exit, exit_of
from flume.cli.root import SECTIONS
from tests.support.command_line import flume


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ServerUnavailableError("x"), 3),
        (errors.ServerRefusedError("x"), 4),
        (errors.JobNotFoundError("x"), 5),
        (errors.ConfigurationError("x"), 2),
        (errors.HandlerError("x"), 2),
        (errors.ManifestError("x"), 2),
        (errors.NameRefusedError("x"), 2),
        (errors.PayloadTooLargeError("x", size=2, limit=1), 2),
        (errors.ScheduleError("x"), 2),
        (errors.ServerFullError("x"), 1),
        (errors.ForeignDataError("x"), 1),
        (errors.FlumeError("x"), 1),
        (CommandEndedError("x", Exit.INTERRUPTED), 130),
    ],
)
def test_each_error_has_a_documented_exit_code(error: errors.FlumeError, code: int) -> None:
    """Scripts branch on these numbers, so they are an interface."""
    assert exit_of(error) == code


def test_an_error_that_a_restart_may_mend_was_given_its_code_on_purpose() -> None:
    """What nobody has thought of ends with 1, after which a supervisor starts a worker again."""
    found = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.FlumeError)
        if exit_of(kind.__new__(kind)) is Exit.FAILED
    }

    assert found == {
        *("FlumeError", "JobError", "ServerError"),  # only what is below them is raised
        *("ForeignDataError", "SettingsUnreadableError", "ServerFullError"),  # mended in Redis
        *("LifespanError", "NotEmptyError"),  # what the app needs may be away; tests alone
        *("JobCrashedError", "JobTimeoutError", "UnreadableJobError"),  # of one job, no command
    }


def test_help_names_every_command() -> None:
    """What is not in the help does not exist for whoever reads it."""
    ended = flume("--help")

    assert ended.code == 0
    assert [
        name for part in SECTIONS.values() for name in part if f"  {name} " not in ended.out
    ] == []


@pytest.mark.parametrize("name", [name for part in SECTIONS.values() for name in part])
def test_every_command_can_be_imported_and_has_help(name: str) -> None:
    """The table of the lazy group is text, which no type checker follows."""
    ended = flume(name, "--help")

    assert ended.code == 0
    assert ended.out.startswith(f"Usage: flume {name} ")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["quues"], "There is no command 'quues'. Did you mean queues? See `flume --help`."),
        (["jobs"], "Missing argument 'QUEUE'. See `flume jobs --help`."),
        (["queues", "--jsno"], "No such option"),
        (["enqueue", "q", "h", "--in", "5"], "write it like 30s, 5m"),
        (["enqueue", "q", "h", "--in", "5m", "--at", "2030-01-01T00:00Z"], "exclude each other"),
        (["enqueue", "q", "h", "SECRET"], "argument 1 is not JSON"),
        (["enqueue", "q", "h", "--kwarg", "a=SECRET"], "--kwarg a is not JSON"),
        (["enqueue", "q", "h", "--kwarg", "a"], "--kwarg is NAME=JSON"),
        (["enqueue", "q", "h", "--header", "a"], "--header is NAME=TEXT"),
        (["enqueue", "q", "h", "--max-retries", "-1"], "not in the range"),
        (["enqueue", "q"], "Missing argument 'HANDLER'"),
        (["enqueue", "q", "h", "1", "--from-file", "-"], "are in the lines"),
        (["enqueue", "q", "h", "--from-file", "/nowhere/at/all"], "No such file"),
        (["purge", "q"], "Missing option '--state'"),
        (["purge", "q", "--state", "running"], "'running' is not one of"),
        (["top", "--interval", "1ms"], "--interval is 100ms to 1h"),
        (["worker"], "Name a queue with --queue, or a manifest with --manifest."),
        (["worker", "--max-demand", "0"], "'--max-demand' (env var: 'FLUME_MAX_DEMAND'): 0 is not"),
        (["worker", "--timeout", "0"], "0.0 is not in the range 0.1<=x<=604800."),
        (["dev", "-f", "/nowhere/at/all"], "'/nowhere/at/all' does not exist"),
        (["--redis", "http://x", "queues"], "use redis://host:6379/0"),
        (["--redis", "redis://u:SECRET@x:y/0", "queues"], "the Redis URL cannot be read"),
        (["--prefix", "{no}", "queues"], "cannot be a key prefix"),
        (["jobs", "No Queue"], "cannot name a queue"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(args: list[str], sentence: str) -> None:
    """It says what to change, and never repeats a payload or a password."""
    ended = flume(*args)

    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("flume: ")
    assert ended.err.count("\n") == 1
    assert sentence in ended.err
    assert "SECRET" not in ended.err


@pytest.mark.parametrize("args", [[], ["dead"]])
def test_a_group_without_a_command_shows_its_help(args: list[str]) -> None:
    """Whoever types it wants to know what comes next."""
    ended = flume(*args)

    assert "Commands" in ended.err + ended.out or "Look:" in ended.err + ended.out


def test_the_version_is_printed() -> None:
    """Bug reports begin with it."""
    assert flume("--version").out.startswith("flume 0.")
