"""Models as a structural OpenAPI schema: what the API server validates, fills in and explains."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args, get_origin

from flume.manifest.describe import description, fixed
from flume.manifest.fields import Acts, Between, Entries, IntOrText, Items, Text
from flume.manifest.model import Model, Rule
from flume.manifest.outline import Entry, bare, own_fields

Schema = dict[str, Any]

_SCALARS: dict[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer", "format": "int64"},
    str: {"type": "string"},
    datetime: {"type": "string", "format": "date-time", "maxLength": 64},
}


def object_schema(model: type[Model], acts: Acts | None = None) -> Schema:
    """Return the schema of an object.

    Args:
        model: Its model.
        acts: When a change of it acts, unless a field says otherwise.
    """
    fields = list(own_fields(model, acts=acts))
    schema: Schema = {"type": "object"}
    if required := [entry.path[-1] for entry in fields if entry.info.is_required()]:
        schema["required"] = required
    schema["properties"] = {entry.path[-1]: _field(entry) for entry in fields}
    if model.model_config.get("extra") == "allow":
        schema |= _ANYTHING
    if model.rules:
        schema["x-kubernetes-validations"] = [_validation(rule) for rule in model.rules]
    return schema


def default(entry: Entry) -> Any:
    """Return what the API server fills in where a field is left out; None: nothing.

    An object's default is written in full: a rule of the object would not see the defaults of its
    fields, which are filled in later.
    """
    if entry.info.is_required():
        return None
    value = entry.info.get_default(call_default_factory=True)
    if isinstance(value, Model):
        value = value.model_dump(by_alias=True, mode="json", exclude_none=True)
        return {name: inner for name, inner in value.items() if inner != []}
    return None if value in ((), {}) else value


_ANYTHING = {"x-kubernetes-preserve-unknown-fields": True}


def _field(entry: Entry) -> Schema:
    schema = {
        "description": description(entry),
        **value_schema(entry.kind, entry.metadata, entry.acts),
    }
    if (filled_in := default(entry)) is not None:
        schema["default"] = filled_in
    if entry.acts is Acts.FIXED:
        unchanged = {"rule": "self == oldSelf", "message": fixed(entry.path[-1])}
        schema["x-kubernetes-validations"] = [unchanged]
    return schema


def value_schema(kind: Any, metadata: tuple[Any, ...] = (), acts: Acts | None = None) -> Schema:
    """Return the schema of a value, from what its annotation says."""
    schema = _type(kind, acts)
    for mark in metadata:
        if isinstance(mark, IntOrText):
            return _bound(mark)
        schema |= _bound(mark)
    return schema


def _type(kind: Any, acts: Acts | None) -> Schema:
    inside = [bare(item) for item in get_args(kind)]
    if get_origin(kind) is Literal:
        return {"type": "string", "enum": list(get_args(kind))}
    if get_origin(kind) is tuple:
        items = value_schema(*inside[0], acts)
        return {"type": "array", "x-kubernetes-list-type": "atomic", "items": items}
    if get_origin(kind) is dict and inside[1][0] is Any:
        return {"type": "object", **_ANYTHING}
    if get_origin(kind) is dict:
        return {"type": "object", "additionalProperties": value_schema(*inside[1], acts)}
    if isinstance(kind, type) and issubclass(kind, Model):
        return object_schema(kind, acts)
    return dict(_SCALARS.get(kind, {}))


def _bound(mark: object) -> Schema:
    match mark:
        case Between(low, high):
            return {"minimum": low, "maximum": high}
        case Text(longest, pattern):
            return {"maxLength": longest} | ({"pattern": pattern} if pattern else {})
        case Entries(most):
            return {"maxProperties": most}
        case Items(most, least, distinct):
            return {"maxItems": most} | ({"minItems": least} if least else {}) | _merged(distinct)
        case IntOrText(pattern, longest, most):
            number = {"minimum": 0, "maximum": most}
            text = {"maxLength": longest, "pattern": pattern}
            return {"x-kubernetes-int-or-string": True, **number, **text}
    return {}


def _merged(distinct: str | None) -> Schema:
    """Return how several field managers share a list, and in what its items must differ."""
    if distinct is None:
        return {}
    if not distinct:
        return {"x-kubernetes-list-type": "set"}
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [distinct]}


def _validation(rule: Rule) -> Schema:
    at = {"fieldPath": f".{rule.at}"} if rule.at else {}
    return {"rule": rule.cel, "message": rule.sentence, **at}
