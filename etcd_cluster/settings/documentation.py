"""The tables of docs/settings.md, written from the models: python -m etcd_cluster.settings.documentation FILE."""

import re
import sys
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from etcd_cluster.settings import model
from etcd_cluster.settings.model import SEED_OPTIONS, Settings
from etcd_cluster.settings.model.ec2 import Ec2Deadlines
from etcd_cluster.settings.problems import SECRET_NAMES
from etcd_cluster.settings.schema import Shape, shape

BEGIN = "<!-- tables: written by python -m etcd_cluster.settings.documentation -->"
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
            found = shape(field.annotation)
            path = prefix + name
            if found.group is not None:
                groups.append((f"{path}.{NAMES[name]}." if found.kind == "mapping" else f"{path}.", found.group))
            rows.append(f"| `{path}` | {_kind(group, name, found)} | {_default(field)} | {field.description} |\n")
        title = f"`{prefix.rstrip('.')}`" if prefix else "All settings"
        text += f"\n## {title}\n\n{(group.__doc__ or '').strip()}\n\n{HEAD}{''.join(rows)}"
    return text


def _kind(group: type[BaseModel], name: str, found: Shape) -> str:
    if name in SECRET_NAMES:
        return "text, secret"
    if found.kind == "integer":
        return _unit(group, name)
    return "map" if found.kind in ("group", "mapping") else found.kind


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
