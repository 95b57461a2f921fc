"""What a resource's inputs may be, the check of given ones against it, and Pulumi's schema of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dev.standins.resource_plugin import values


@dataclass(frozen=True)
class Field:
    """One input. `kind`: string, integer, number, boolean, any; list or map of `element`; object of `fields`."""

    kind: str = "string"
    required: bool = False
    default: Any = None
    secret: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    element: "Field | None" = None
    fields: "Mapping[str, Field]" = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """An input that cannot be used."""

    path: str
    reason: str


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int, float),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "map": (dict,),
    "object": (dict,),
    "any": (object,),
}


def check(fields: Mapping[str, Field], given: Mapping[str, Any], path: str = "") -> list[Failure]:
    """Return what is wrong with the inputs `given`: unknown names, missing ones, wrong types and values."""
    found = [
        Failure(path + name, f"the lab's stand-in does not know this input; it knows {', '.join(sorted(fields))}")
        for name in given
        if name not in fields and not name.startswith("__")
    ]
    for name, expected in fields.items():
        if name in given:
            found += _check_value(expected, given[name], path + name)
        elif expected.required:
            found.append(Failure(path + name, "this input is required and missing"))
    return found


def _check_value(expected: Field, value: Any, path: str) -> list[Failure]:
    plain = value["value"] if values.is_secret(value) else value
    if values.is_unknown(plain):
        return []
    right_type = isinstance(plain, _TYPES[expected.kind])
    if isinstance(plain, bool) and expected.kind in ("integer", "number"):
        right_type = False
    if not right_type:
        return [Failure(path, f"expected {expected.kind}, not {type(plain).__name__}")]
    if expected.kind == "integer" and plain != int(plain):
        return [Failure(path, f"expected a whole number, not {plain}")]
    if expected.choices and plain not in expected.choices:
        return [Failure(path, f"{plain!r} is none of {', '.join(expected.choices)}")]
    if expected.minimum is not None and plain < expected.minimum:
        return [Failure(path, f"{plain:g} is below {expected.minimum}")]
    if expected.kind == "object":
        return check(expected.fields, plain, f"{path}.")
    found: list[Failure] = []
    if expected.element is not None:
        elements = plain.items() if expected.kind == "map" else enumerate(plain)
        for key, element in elements:
            found += _check_value(expected.element, element, f"{path}[{key}]")
    return found


def with_defaults(fields: Mapping[str, Field], given: Mapping[str, Any]) -> values.Properties:
    """Return the inputs with defaults filled in and secret fields marked, at every depth."""
    complete = dict(given)
    for name, expected in fields.items():
        if name not in complete:
            if expected.default is None:
                continue
            complete[name] = expected.default
        value = complete[name]
        plain = value["value"] if values.is_secret(value) else value
        if expected.kind == "object" and isinstance(plain, dict):
            plain = with_defaults(expected.fields, plain)
        marked = expected.secret or values.is_secret(value)
        complete[name] = values.secret(plain) if marked else plain
    return complete


_IN_PULUMI = {"list": "array", "map": "object"}


def described(fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return the properties as Pulumi's schema has them, for programs in YAML; objects inside are not known to it."""

    def one(expected: Field) -> dict[str, Any]:
        if expected.kind in ("any", "object"):
            return {"$ref": "pulumi.json#/Any"}
        inside = {"list": "items", "map": "additionalProperties"}.get(expected.kind)
        more = {inside: one(expected.element)} if inside and expected.element else {}
        return {"type": _IN_PULUMI.get(expected.kind, expected.kind), **more}

    return {name: one(expected) for name, expected in fields.items()}
