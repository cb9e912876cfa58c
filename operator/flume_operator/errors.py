"""Every error of the operator, in one tree.

::

    OperatorError
    ├── NotUsableError         what the operator needs to start is not there
    ├── NotLeaderError         another process leads; nothing was written
    ├── CredentialsError       a Secret with the address of a Redis is missing or wrong
    └── ApiError               the Kubernetes API did not do what was asked
        ├── UnavailableError   no answer, or one that says: try again
        └── RefusedError       it will not, however often it is asked
            ├── MissingError   there is no such object
            ├── ForbiddenError RBAC, a quota or an admission rule forbids it
            └── ConflictError  somebody else has changed or owns it
"""

from __future__ import annotations


class OperatorError(Exception):
    """Base of every error the operator raises."""


class NotUsableError(OperatorError):
    """What the operator needs to start is not there; the message says what to do."""


class NotLeaderError(OperatorError):
    """Another process leads, so nothing was written."""


class CredentialsError(OperatorError):
    """The Secret with the address of a Redis is missing or wrong."""

    def __init__(self, message: str, *, is_missing: bool) -> None:
        super().__init__(message)
        self.is_missing = is_missing


class ApiError(OperatorError):
    """The Kubernetes API did not do what was asked.

    Args:
        message: In the words of the API server, where it said any.
        status: Of HTTP; 0 where there was no answer.
    """

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class UnavailableError(ApiError):
    """There was no answer, or one that asks to try again."""

    def __init__(self, message: str, *, status: int = 0, retry_after_s: float = 0.0) -> None:
        super().__init__(message, status=status)
        self.retry_after_s = retry_after_s


class RefusedError(ApiError):
    """The API server refuses it; asking again changes nothing until something else changes."""


class MissingError(RefusedError):
    """There is no such object."""


class ForbiddenError(RefusedError):
    """RBAC, a quota, an admission rule or the end of the namespace forbids it."""


class ConflictError(RefusedError):
    """Somebody else has changed the object, or owns the field."""
