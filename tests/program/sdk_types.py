"""Holds what the program registers against the types of the providers' own SDK."""

import enum
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi import _types

from tests.program.recording import Registered


def sdk_class(kind: str) -> type[pulumi.CustomResource]:
    """Return the SDK's class of a type such as aws:ec2/instance:Instance."""
    module, _, name = kind.removeprefix("aws:").partition("/")
    found: type[pulumi.CustomResource] = getattr(getattr(aws, module), name.rpartition(":")[2])
    assert found.pulumi_type == kind  # type: ignore[attr-defined]
    return found


def mistakes(resource: Registered) -> list[str]:
    """Return which inputs the SDK does not know, lacks, or has in another type."""
    kind = sdk_class(resource.type)
    names = _types.resource_py_to_pulumi_names(kind)
    accepted = {names.get(each, each) for each in list(inspect.signature(kind._internal_init).parameters)[3:-1]}
    known = _types.resource_types(kind)
    found = [f"{key}: unknown" for key in resource.inputs if key not in accepted]
    found += [f"{names[each]}: missing" for each in required(kind) if names[each] not in resource.inputs]
    for key, value in resource.inputs.items():
        if key in accepted:
            found += wrong(value, known[key], key)
    return found


def required(kind: type) -> list[str]:
    """Return the inputs that the SDK demands, by their names in Python."""
    arguments = getattr(inspect.getmodule(kind), f"{kind.__name__}Args")
    parameters = list(inspect.signature(arguments.__init__).parameters.values())[1:]
    return [each.name for each in parameters if each.default is inspect.Parameter.empty]


def wrong(value: Any, kind: Any, path: str) -> list[str]:
    """Return where a value, as it goes to the provider, is not of a type of the SDK's outputs."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or (value is None and type(None) in parts):
        return []
    if origin in (typing.Union, types.UnionType):
        tries = [wrong(value, each, path) for each in parts if each is not type(None)]
        return min(tries, key=len)
    if origin in (list, Sequence):
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        return [each for number, item in enumerate(value) for each in wrong(item, parts[0], f"{path}[{number}]")]
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no map"]
        return [each for key, item in value.items() for each in wrong(item, parts[1], f"{path}.{key}")]
    if inspect.isclass(kind) and _types.is_output_type(kind):
        fields = _types.output_type_types(kind)
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no {kind.__name__}"]
        unknown = [f"{path}.{key}: unknown" for key in value if key not in fields]
        return unknown + [
            each for key, item in value.items() if key in fields for each in wrong(item, fields[key], f"{path}.{key}")
        ]
    if inspect.isclass(kind) and issubclass(kind, enum.Enum):
        kind = str
    if kind is float and type(value) is int:
        return []
    return [] if type(value) is kind else [f"{path}: {value!r} is no {kind}"]
