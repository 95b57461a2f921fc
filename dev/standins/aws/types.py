"""The types and functions of the aws plugin that the stand-in knows, as the published SDK declares them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.standins.resource_plugin.schema import Field


@dataclass(frozen=True)
class Declared:
    """What the SDK declares for one token: inputs, and all outputs by name."""

    inputs: Mapping[str, Field]
    outputs: frozenset[str]


def _field(shape: Any, *, required: bool = False) -> Field:
    if isinstance(shape, str):
        return Field(shape, required=required)
    if isinstance(shape, list):
        return Field("list", required=required, element=_field(shape[0]))
    if "*" in shape:
        return Field("map", required=required, element=_field(shape["*"]))
    return Field("object", required=required, fields=_fields(shape))


def _fields(shapes: Mapping[str, Any]) -> dict[str, Field]:
    return {name.rstrip("!"): _field(shape, required=name.endswith("!")) for name, shape in shapes.items()}


DECLARED: dict[str, Declared] = {
    token: Declared(_fields(entry["inputs"]), frozenset(entry["outputs"]))
    for token, entry in json.loads((Path(__file__).parent / "types.json").read_text()).items()
}
