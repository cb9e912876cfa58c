"""What servers answer becomes our errors, whatever words they wrap it in."""

from __future__ import annotations

import pytest
import redis.exceptions as refused

from flume.connection.refusals import is_away, translate
from flume.errors import (
    FlumeError,
    ForeignDataError,
    ServerFullError,
    ServerUnavailableError,
)

SCRIPT = "Error running script (call to f_1239783d90d636080ef69bd2f2516b79f0800aba): "


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("@user_script:1: WRONGTYPE Operation against a key holding", ForeignDataError),
        ("@user_script:1: @user_script: 1: -OOM command not allowed", ServerFullError),
        ("@user_script:1: @user_script: 1: -READONLY You can't write", ServerUnavailableError),
    ],
)
def test_what_redis_6_wraps_is_unwrapped(answer: str, kind: type[FlumeError]) -> None:
    """Redis 6.2 tells what happened inside a script in an error about the script."""
    assert type(translate(refused.ResponseError(SCRIPT + answer), "here")) is kind


@pytest.mark.parametrize("code", ["MISCONF Errors writing to", "NOREPLICAS Not enough"])
def test_a_server_that_takes_no_writes_for_now_is_asked_again(code: str) -> None:
    """A full disk or a lost replica passes; an outcome that was given up would not come back."""
    error = translate(refused.ResponseError(code), "here")

    assert isinstance(error, ServerUnavailableError)
    assert code.split(maxsplit=1)[0] in str(error)


def test_a_server_that_is_no_primary_any_more_is_away() -> None:
    """Its address may lead to another one, which only a new connection finds."""
    assert is_away(refused.ReadOnlyError("You can't write against a read only replica."))
    assert is_away(refused.ResponseError("UNBLOCKED force unblock from blocking operation"))
    assert not is_away(refused.ResponseError("WRONGTYPE Operation against a key"))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (refused.ConnectionError("Error 1: certificate verify failed."), "verify failed)."),
        (ConnectionResetError("the server closed the connection"), "closed the connection)."),
        (TimeoutError(), "(TimeoutError)."),
    ],
)
def test_why_there_is_no_answer_is_said(error: Exception, reason: str) -> None:
    """A certificate that is not trusted looked like a server that does not run."""
    assert reason in str(translate(error, "here"))
