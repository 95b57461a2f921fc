"""What the models say of the settings: their names, kinds and groups."""

import types
import typing
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from etcd_cluster.settings.model import Settings
from etcd_cluster.settings.problems import SECRET_NAMES

_KINDS: dict[Any, Literal["boolean", "integer", "path"]] = {bool: "boolean", int: "integer", Path: "path"}


@dataclass(frozen=True)
class Shape:
    """What a setting holds. `group` is the group itself, or the one that each entry of a mapping or list is.

    `entry` is the shape of each entry of a mapping or list.
    """

    kind: Literal["group", "mapping", "list", "boolean", "integer", "path", "text"]
    group: type[BaseModel] | None = None
    entry: "Shape | None" = None


def shape(annotation: Any) -> Shape:
    """Return the shape of a field's annotation; what may be left out and what is checked make no difference."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return shape(args[0])
    if origin in (typing.Union, types.UnionType):
        return shape(next(arg for arg in args if arg is not type(None)))
    if origin is dict or origin is tuple:
        entry = shape(args[1] if origin is dict else args[0])
        return Shape("mapping" if origin is dict else "list", entry.group, entry)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return Shape("group", annotation)
    return Shape(_KINDS.get(annotation, "text"))


def group_at(key: Sequence[str]) -> type[BaseModel]:
    """Return the group at `key`, or the one that each entry of the mapping there is."""
    group: type[BaseModel] = Settings
    parts = iter(key)
    for part in parts:
        found = shape(group.model_fields[part].annotation)
        assert found.group is not None, key
        group = found.group
        if found.kind == "mapping":
            next(parts, None)  # the entry's name
    return group


def field_at(key: Sequence[str]) -> FieldInfo:
    """Return the field of one setting."""
    return group_at(key[:-1]).model_fields[key[-1]]


def known_names(key: Sequence[str]) -> Collection[str]:
    """Return the names of the settings directly below `key`."""
    return group_at(key).model_fields.keys()


@dataclass(frozen=True)
class Key:
    """A top-level setting. `secret` says that a secret may stand in it, not that all of it is one."""

    name: str
    kind: Literal["string", "integer", "boolean", "object"]
    secret: bool


def _key(name: str, field: FieldInfo) -> Key:
    found = shape(field.annotation)
    secret = found.group is not None and _holds_secret(found.group)
    if found.kind == "integer" or found.kind == "boolean":
        return Key(name, found.kind, secret)
    return Key(name, "string" if found.kind in ("text", "path") else "object", secret)


def _holds_secret(group: type[BaseModel]) -> bool:
    found = {name: shape(field.annotation).group for name, field in group.model_fields.items()}
    return any(name in SECRET_NAMES or (inner and _holds_secret(inner)) for name, inner in found.items())


KEYS: dict[str, Key] = {name: _key(name, field) for name, field in Settings.model_fields.items()}
"""The top-level settings, for whoever collects them from Pulumi's configuration."""
