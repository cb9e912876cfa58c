"""What all parts of a Pipeline share: frozen, camelCase, no unknown fields, rules across fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel
from pydantic.functional_validators import ModelWrapValidatorHandler

from flume.manifest.checks import Fault, Location, checked


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition across fields of one object; the schema says the same in CEL.

    It is judged on the values with defaults filled in, and only where each field it reads is
    valid by itself.
    """

    reads: tuple[str, ...]
    """Fields, by the name in the manifest, whose values are handed to ``broken``."""
    broken: Callable[..., bool]
    cel: str
    """The opposite of ``broken``, as the API server judges it: what must hold of ``self``."""
    sentence: str
    """What the person has to change."""
    at: str = ""
    """Field that the message points at; empty for the object itself."""


class Model(BaseModel):
    """A part of a Pipeline.

    As in Kubernetes, null counts as left out.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,  # an input may hold a password
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, Mapping):
            return handler(data)
        names = cls.names()
        given = {key: value for key, value in data.items() if value is not None or key not in names}
        return checked(
            cls.__name__, handler, given, lambda faulty: list(cls._broken(given, faulty))
        )

    @classmethod
    def names(cls) -> dict[str, str]:
        """Return each field's name in the manifest → its name in Python."""
        return {field.alias or name: name for name, field in cls.model_fields.items()}

    @classmethod
    def _broken(cls, given: Mapping[str, Any], faulty: Sequence[Location]) -> Iterator[Fault]:
        invalid = {location[0] for location in faulty}
        for rule in cls.rules:
            if invalid.isdisjoint(rule.reads) and rule.broken(
                *(cls._value(given, name) for name in rule.reads)
            ):
                at = (rule.at,) if rule.at else ()
                yield Fault("rule", at, dict(given), {"sentence": rule.sentence})

    @classmethod
    def _value(cls, given: Mapping[str, Any], name: str) -> Any:
        if name in given:
            return given[name]
        return cls.model_fields[cls.names()[name]].get_default(call_default_factory=True)


class Passed(Model):
    """An object of Kubernetes' own: the fields we read are checked, the others are passed on."""

    model_config = ConfigDict(extra="allow")
