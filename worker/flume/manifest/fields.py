"""The kinds of field that a Pipeline has: number, text, list, map, amount.

A field states its bounds, and when a change of it acts, once and in its annotation; validation,
messages, the reference page and the schema are all read from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from annotated_types import Ge, GroupedMetadata, Le, MaxLen
from pydantic import BeforeValidator, GetCoreSchemaHandler, Strict, StringConstraints, WrapValidator
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from flume.manifest.checks import Fault, checked, custom


class Acts(StrEnum):
    """When a changed field takes effect."""

    LIVE = "Applies live."
    RESTARTS = "Restarts pods."
    SCALES = "Adds or removes pods."
    OPERATOR = "Restarts no pods."
    FIXED = "Cannot be changed later."


Flag = Annotated[bool, Strict()]
"""True or false; "yes" and 1 are neither."""


@dataclass(frozen=True, slots=True)
class Default:
    """What happens where a field without a default is left out, in words."""

    words: str


@dataclass(frozen=True, slots=True)
class FromKubernetes:
    """An object that is handed to Kubernetes as it is: its fields are those of ``kind``."""

    kind: str


@dataclass(frozen=True, slots=True)
class Between(GroupedMetadata):
    """A whole number: its bounds and its unit."""

    low: int
    high: int
    unit: str = ""

    def __iter__(self) -> Iterator[object]:
        yield Strict()
        yield Ge(self.low)
        yield Le(self.high)


@dataclass(frozen=True, slots=True)
class Text(GroupedMetadata):
    """A string: its greatest length in characters, and its pattern."""

    longest: int
    pattern: str | None = None

    def __iter__(self) -> Iterator[object]:
        yield from StringConstraints(strict=True, max_length=self.longest, pattern=self.pattern)


@dataclass(frozen=True, slots=True)
class Entries(GroupedMetadata):
    """A map: how many entries it may have.  As in Kubernetes, a null entry is none."""

    most: int

    def __iter__(self) -> Iterator[object]:
        yield MaxLen(self.most)
        yield BeforeValidator(_without_nulls)


def _without_nulls(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: value for key, value in data.items() if value is not None}
    return data


@dataclass(frozen=True, slots=True)
class Items(GroupedMetadata):
    """A list: how many items it may have, and the field in which no two may be equal.

    Where ``distinct`` is empty, the items themselves must differ.
    """

    most: int
    least: int = 0
    distinct: str | None = None

    def __iter__(self) -> Iterator[object]:
        # pydantic's own lengths count valid items only, so one bad item would be two problems.
        yield WrapValidator(self._check)

    def _check(self, data: Any, handler: Callable[[Any], Any]) -> Any:
        return checked("list", handler, data, lambda _: self._faults(data))

    def _faults(self, data: Any) -> list[Fault]:
        if not isinstance(data, list):
            return []
        faults = [] if self.distinct is None else self._repeated(data)
        if len(data) > self.most:
            faults.append(Fault("too_long", (), data, {"max_length": self.most}))
        if len(data) < self.least:
            faults.append(Fault("too_short", (), data, {"min_length": self.least}))
        return faults

    def _repeated(self, data: list[Any]) -> list[Fault]:
        """Find the second appearance of each value, as the API server does."""
        seen: dict[str, int] = {}
        faults = []
        for index, item in enumerate(data):
            key = item.get(self.distinct) if isinstance(item, Mapping) else item
            if not isinstance(key, str):
                continue
            seen[key] = seen.get(key, 0) + 1
            if seen[key] == 2:
                shown = {self.distinct: key} if self.distinct else key
                faults.append(Fault("duplicate", (index,), data, {"shown": shown}))
        return faults


@dataclass(frozen=True, slots=True)
class IntOrText:
    """A whole number from 0, or a string of a pattern: what Kubernetes calls int-or-string."""

    pattern: str
    longest: int
    """Characters of the string."""
    most: int
    """Greatest number."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, value: Any) -> int | str:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise custom("int_or_string_type")
        if isinstance(value, str) and not re.fullmatch(self.pattern, value):
            raise PydanticKnownError("string_pattern_mismatch", {"pattern": self.pattern})
        if isinstance(value, str) and len(value) > self.longest:
            raise PydanticKnownError("string_too_long", {"max_length": self.longest})
        if isinstance(value, int) and value < 0:
            raise PydanticKnownError("greater_than_equal", {"ge": 0})
        if isinstance(value, int) and value > self.most:
            raise PydanticKnownError("less_than_equal", {"le": self.most})
        return value
