"""The names of the settings, for whoever collects them from Pulumi's configuration."""

import types
import typing
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from etcd.settings.model import Settings
from etcd.settings.problems import SECRET_NAMES

Kind = Literal["string", "integer", "boolean", "object"]


@dataclass(frozen=True)
class Key:
    """A top-level setting. `secret` says that a secret may stand in it, not that all of it is one."""

    name: str
    kind: Kind
    secret: bool


def _members(annotation: Any) -> list[Any]:
    """Return the types inside an annotation: itself, or those of a union, a map or a list."""
    args = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Annotated:
        return _members(args[0])
    if not args or typing.get_origin(annotation) is Literal:
        return [annotation]
    return [member for arg in args for member in _members(arg)]


def _kind(annotation: Any) -> Kind:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _kind(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return _kind(next(arg for arg in typing.get_args(annotation) if arg is not type(None)))
    if annotation is bool:
        return "boolean"
    if annotation is int:
        return "integer"
    return "string" if annotation is str or origin is Literal else "object"


def _holds_secret(annotation: Any) -> bool:
    return any(
        name in SECRET_NAMES or _holds_secret(field.annotation)
        for member in _members(annotation)
        if isinstance(member, type) and issubclass(member, BaseModel)
        for name, field in member.model_fields.items()
    )


KEYS: dict[str, Key] = {
    name: Key(name, _kind(field.annotation), _holds_secret(field.annotation))
    for name, field in Settings.model_fields.items()
}
