"""Property values as they travel between engine and plugin: JSON with marked secrets and unknowns.

A secret is an object with a signature key; an unknown is one of seven reserved strings (sdk/go/common/resource/plugin,
rpc.go). Both may occur at any depth.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2

Properties = dict[str, Any]

SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


def decode(struct: struct_pb2.Struct) -> Properties:
    """Return the properties of a message; numbers are floats, nulls are left out."""
    found: Properties = json_format.MessageToDict(struct)
    return {name: value for name, value in found.items() if value is not None}


def encode(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return the message for properties; None is left out."""
    struct = struct_pb2.Struct()
    struct.update({name: value for name, value in properties.items() if value is not None})
    return struct


def is_unknown(value: Any) -> bool:
    """Tell whether `value` itself, once revealed, is not known yet."""
    plain = reveal(value)
    return isinstance(plain, str) and plain in _UNKNOWNS


def contains_unknown(value: Any) -> bool:
    """Tell whether anything in `value` is not known yet."""
    if isinstance(value, dict):
        return any(contains_unknown(element) for element in value.values())
    if isinstance(value, list):
        return any(contains_unknown(element) for element in value)
    return is_unknown(value)


def is_secret(value: Any) -> bool:
    """Tell whether `value` itself is marked secret."""
    return isinstance(value, dict) and value.get(SIGNATURE) == _SECRET


def contains_secret(value: Any) -> bool:
    """Tell whether anything in `value` is marked secret."""
    if isinstance(value, dict):
        return is_secret(value) or any(contains_secret(element) for element in value.values())
    return isinstance(value, list) and any(contains_secret(element) for element in value)


def secret(value: Any) -> Any:
    """Return `value` marked secret."""
    return value if is_secret(value) else {SIGNATURE: _SECRET, "value": value}


def reveal(value: Any) -> Any:
    """Return `value` without secret marks at any depth."""
    if isinstance(value, dict):
        if is_secret(value):
            return reveal(value.get("value"))
        return {name: reveal(element) for name, element in value.items()}
    if isinstance(value, list):
        return [reveal(element) for element in value]
    return value
