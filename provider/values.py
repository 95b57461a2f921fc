"""Resource properties as the engine sends them, to and from plain Python values."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from google.protobuf import struct_pb2
from pulumi.runtime import rpc


class Unknown:
    """A value that only `up` will know; it stands in previews."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()

_SIGNATURE: Final[str] = rpc._special_sig_key
_SECRET: Final[str] = rpc._special_secret_sig
_OUTPUT: Final[str] = rpc._special_output_value_sig


def plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Return properties as plain values: whole numbers as int, secrets opened, unknowns as `UNKNOWN`."""
    return {key: _plain(value) for key, value in struct.fields.items()}


def _plain(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_plain(item) for item in value.list_value.values]
        case "struct_value":
            fields = value.struct_value.fields
            signature = fields[_SIGNATURE].string_value if _SIGNATURE in fields else None
            if signature in (_SECRET, _OUTPUT):
                return _plain(fields["value"]) if "value" in fields else UNKNOWN
            return {key: _plain(item) for key, item in fields.items()}
    return None


def has_unknown(value: Any) -> bool:
    """Return whether a value is, or holds, one that only `up` will know."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def has_secret(value: struct_pb2.Value) -> bool:
    """Return whether a value, as the engine sends it, is a secret or holds one."""
    if value.WhichOneof("kind") == "list_value":
        return any(has_secret(item) for item in value.list_value.values)
    fields = value.struct_value.fields
    if _SIGNATURE in fields and fields[_SIGNATURE].string_value == _SECRET:
        return True
    return any(has_secret(item) for item in fields.values())


def struct(properties: Mapping[str, Any], secrets: Collection[str]) -> struct_pb2.Struct:
    """Return properties as the engine takes them; those named in `secrets` are encrypted in the state."""
    return struct_pb2.Struct(
        fields={key: _secret(_value(item)) if key in secrets else _value(item) for key, item in properties.items()}
    )


def _secret(value: struct_pb2.Value) -> struct_pb2.Value:
    fields = {_SIGNATURE: struct_pb2.Value(string_value=_SECRET), "value": value}
    return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))


def _value(item: Any) -> struct_pb2.Value:
    if item is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if item is UNKNOWN:
        return struct_pb2.Value(string_value=rpc.UNKNOWN)
    if isinstance(item, bool):
        return struct_pb2.Value(bool_value=item)
    if isinstance(item, int | float):
        return struct_pb2.Value(number_value=item)
    if isinstance(item, str):
        return struct_pb2.Value(string_value=item)
    if isinstance(item, Mapping):
        fields = {str(key): _value(inner) for key, inner in item.items()}
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))
    if isinstance(item, list | tuple):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_value(inner) for inner in item]))
    raise TypeError(f"a resource property cannot be a {type(item).__name__}")
