"""The tables of docs/settings.md, written from the models: python -m etcd.settings.documentation FILE."""

import re
import sys
import types
import typing
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from etcd.settings import model
from etcd.settings.defaults import SEED_OPTIONS
from etcd.settings.ec2 import Ec2Deadlines
from etcd.settings.model import Settings
from etcd.settings.problems import SECRET_NAMES

BEGIN = "<!-- tables: written by python -m etcd.settings.documentation -->"
END = "<!-- end of tables -->"
HEAD = "| Setting | Kind | Default | Meaning |\n| --- | --- | --- | --- |\n"

NAMES = {"nodes": "NAME", "clients": "NAME"}


def tables() -> str:
    """Return one table of the settings by themselves, and one for each group."""
    groups: list[tuple[str, type[BaseModel]]] = [("", Settings)]
    text = ""
    for prefix, group in groups:
        rows = []
        for name, field in group.model_fields.items():
            inner, named = _group(field.annotation)
            path = prefix + name
            if inner is not None:
                groups.append((f"{path}.{NAMES[name]}." if named else f"{path}.", inner))
            rows.append(f"| `{path}` | {_kind(group, name, field)} | {_default(field)} | {field.description} |\n")
        title = f"`{prefix.rstrip('.')}`" if prefix else "All settings"
        text += f"\n## {title}\n\n{(group.__doc__ or '').strip()}\n\n{HEAD}{''.join(rows)}"
    return text


def _group(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the group of settings an annotation holds, if any, and whether it is a map of named ones."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if typing.get_origin(annotation) is dict:
        inner, _ = _group(typing.get_args(annotation)[1])
        return inner, True
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next((found for found in map(_group, typing.get_args(annotation)) if found[0]), (None, False))
    return None, False


def _kind(group: type[BaseModel], name: str, field: FieldInfo) -> str:
    if name in SECRET_NAMES:
        return "text, secret"
    annotation = field.annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        annotation = next(arg for arg in typing.get_args(annotation) if arg is not type(None))
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if _group(annotation)[0] or typing.get_origin(annotation) is dict:
        return "map"
    if typing.get_origin(annotation) is tuple:
        return "list"
    if annotation is int:
        return _unit(group, name)
    if annotation is bool:
        return "boolean"
    return "path" if annotation is Path else "text"


def _unit(group: type[BaseModel], name: str) -> str:
    if group in (model.Deadlines, Ec2Deadlines) or name == "ttl":
        return "seconds"
    return "days" if name.endswith("_days") else "bits" if name.endswith("_bits") else "number"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if field.validate_default and isinstance(value, dict):
        return "<br>".join(f"`{name}: {option}`" for name, option in SEED_OPTIONS.items())
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value is None or value in ({}, ()) or isinstance(value, BaseModel):
        return ""
    if isinstance(value, dict):
        return ", ".join(f"`{name}`" for name in value)
    return f"`{value}`"


def rewritten(text: str) -> str:
    """Return the page with its tables as the models have them."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    return pattern.sub(lambda _: f"{BEGIN}\n{tables()}\n{END}", text)


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(rewritten(page.read_text()))
