"""Faults that pydantic does not know, reported together with those it does.

pydantic stops at its own faults before it calls a validator of ours.  ``checked`` runs both, so
that a person sees all that is wrong with a document at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

T = TypeVar("T")

Location = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at a place below the value that is being checked."""

    kind: str
    at: Location
    given: Any
    details: Mapping[str, Any] = field(default_factory=dict)


def checked(
    title: str,
    handler: Callable[[Any], T],
    data: Any,
    more: Callable[[Sequence[Location]], Sequence[Fault]],
) -> T:
    """Return what ``handler`` makes of ``data``, unless it or ``more`` finds a fault.

    Args:
        title: What is checked, for pydantic's own message.
        handler: pydantic's validation of ``data``.
        data: The value as it was given.
        more: Gets the places where pydantic found faults and returns those it finds itself.

    Raises:
        ValidationError: With the faults of both.
    """
    try:
        value = handler(data)
    except ValidationError as error:
        found = error.errors(include_url=False)
        ours = more([details["loc"] for details in found])
        again = [_again(details) for details in found]
        raise ValidationError.from_exception_data(
            title, again + _raised(ours), hide_input=True
        ) from None
    if faults := more([]):
        raise ValidationError.from_exception_data(title, _raised(faults), hide_input=True)
    return value


def custom(kind: str, **details: Any) -> PydanticCustomError:
    """Return an error of ours; ``fault`` in its context tells it from pydantic's own."""
    return PydanticCustomError(kind, "{fault}", {"fault": kind, **details})


def _again(found: ErrorDetails) -> InitErrorDetails:
    """Return a fault in the form in which it can be raised a second time, one level up."""
    context = found.get("ctx", {})
    ours = "fault" in context
    kind = PydanticCustomError(found["type"], "{fault}", context) if ours else found["type"]
    return InitErrorDetails(type=kind, loc=found["loc"], input=found["input"], ctx=context)


def _raised(faults: Sequence[Fault]) -> list[InitErrorDetails]:
    return [
        InitErrorDetails(type=custom(fault.kind, **fault.details), loc=fault.at, input=fault.given)
        for fault in faults
    ]
