"""Answers of the API server, told apart: those to try again, and those to tell a person of."""

from __future__ import annotations

import pytest

from flume_operator.api import refusal
from flume_operator.errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    MissingError,
    RefusedError,
    UnavailableError,
)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "strict decoding error", RefusedError),
        (401, "Unauthorized", UnavailableError),  # a token that is renewed within a minute
        (403, "forbidden: exceeded quota", ForbiddenError),
        (404, "not found", MissingError),
        (409, "Apply failed with 1 conflict", ConflictError),
        (413, "Request entity too large", RefusedError),
        (422, "Deployment is invalid", RefusedError),
        (429, "too many requests", UnavailableError),
        (500, "failed to create typed patch object: field not declared in schema", RefusedError),
        (500, "failed to convert new object: quantities must match", RefusedError),
        (500, "etcdserver: request timed out", UnavailableError),
        (503, "apiserver not ready", UnavailableError),
    ],
)
def test_each_answer_is_what_it_means(status: int, message: str, kind: type[ApiError]) -> None:
    """A mistake that is tried for ever is never told; an outage told as one is not tried again.

    Server-side apply answers mistakes of a spec with 500.
    """
    error = refusal(status, {"message": message})

    assert type(error) is kind
    assert str(error) == message


def test_the_wait_that_the_api_server_asks_for_is_kept() -> None:
    """It asks for one when it has too much to do."""
    error = refusal(429, {}, "7")

    assert isinstance(error, UnavailableError)
    assert error.retry_after_s == 7
