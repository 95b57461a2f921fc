"""Writes what the published SDK declares for the AWS types and functions that the stand-in knows.

Run it after another version of pulumi-aws is pinned: `python tests/unit/dev/standins/record_aws.py`. It writes
dev/standins/aws/types.json, which a test compares with the SDK again. A name that ends in "!" is required; a list or
map holds its element; an object its fields.
"""

import importlib
import inspect
import json
import sys
import typing
from pathlib import Path
from typing import Any

from pulumi import _types

RECORDED = Path(__file__).parents[4] / "dev" / "standins" / "aws" / "types.json"

RESOURCES = (
    "dlm.LifecyclePolicy",
    "ebs.Volume",
    "ec2.Eip",
    "ec2.EipAssociation",
    "ec2.Instance",
    "ec2.InternetGateway",
    "ec2.KeyPair",
    "ec2.NetworkInterface",
    "ec2.PlacementGroup",
    "ec2.Route",
    "ec2.RouteTable",
    "ec2.RouteTableAssociation",
    "ec2.SecurityGroup",
    "ec2.Subnet",
    "ec2.VolumeAttachment",
    "ec2.Vpc",
    "route53.Record",
    "vpc.SecurityGroupEgressRule",
    "vpc.SecurityGroupIngressRule",
)
FUNCTIONS = (
    "ebs.get_volume",
    "ec2.get_ami",
    "ec2.get_instance_type",
    "ec2.get_instances",
    "ec2.get_subnet",
    "ssm.get_parameter",
)

_SCALARS: dict[Any, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}


def shape(kind: Any) -> Any:
    """Return the recorded form of one of the SDK's types, whose `Input` wrappers are not unwrapped at every depth."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if origin is typing.Union:
        # Input[T] is T, an awaitable or an output; an enum of strings is written as its strings
        return shape(next(entry for entry in arguments if entry is not type(None)))
    if origin in (list, typing.get_origin(typing.Sequence[str])):
        return [shape(arguments[0])]
    if origin in (dict, typing.get_origin(typing.Mapping[str, str])):
        return {"*": shape(arguments[1])}
    if inspect.isclass(kind):
        return fields(kind)
    raise ValueError(f"no shape for {kind}")


def fields(arguments: Any) -> dict[str, Any]:
    """Return the fields of one of the SDK's Args classes by the names that travel."""
    names = _types.input_type_py_to_pulumi_names(arguments)
    needed = {
        names[name]
        for name, parameter in inspect.signature(arguments.__init__).parameters.items()
        if name in names and parameter.default is inspect.Parameter.empty
    }
    return {
        f"{name}!" if name in needed else name: shape(kind)
        for name, kind in sorted(_types.input_type_types(arguments).items())
    }


def camel(name: str) -> str:
    """Return a Python name as it travels."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def resource(path: str) -> tuple[str, dict[str, Any]]:
    """Return a resource's token, and its inputs and outputs."""
    module, name = path.split(".")
    package = importlib.import_module(f"pulumi_aws.{module}")
    kind = getattr(package, name)
    declared = {camel(key) for key, value in vars(kind).items() if isinstance(value, property)}
    return kind.pulumi_type, {"inputs": fields(getattr(package, f"{name}Args")), "outputs": sorted(declared)}


def function(path: str) -> tuple[str, dict[str, Any]]:
    """Return a function's token, and its inputs and results."""
    module, name = path.split(".")
    package = importlib.import_module(f"pulumi_aws.{module}")
    call = getattr(package, name)
    hints = typing.get_type_hints(call, vars(sys.modules[call.__module__]))
    needed = {
        key
        for key, parameter in inspect.signature(call).parameters.items()
        if parameter.default is inspect.Parameter.empty
    }
    given = {
        camel(key) + ("!" if key in needed else ""): shape(kind)
        for key, kind in sorted(hints.items())
        if key not in ("opts", "return")
    }
    result = getattr(package, f"{camel(name)[0].upper()}{camel(name)[1:]}Result")
    declared = sorted({camel(key) for key, value in vars(result).items() if isinstance(value, property)})
    word = camel(name)
    return f"aws:{module}/{word}:{word}", {"inputs": given, "outputs": declared}


def record() -> dict[str, dict[str, Any]]:
    """Return everything, by token."""
    return dict(map(resource, RESOURCES)) | dict(map(function, FUNCTIONS))


def render(found: dict[str, dict[str, Any]]) -> str:
    """Return the file's text: one line for each input."""
    blocks = []
    for token, entry in sorted(found.items()):
        inputs = ",\n".join(f"   {json.dumps(key)}: {json.dumps(value)}" for key, value in entry["inputs"].items())
        outputs = json.dumps(entry["outputs"])
        blocks.append(f' {json.dumps(token)}: {{\n  "inputs": {{\n{inputs}\n  }},\n  "outputs": {outputs}\n }}')
    return "{\n" + ",\n".join(blocks) + "\n}\n"


if __name__ == "__main__":
    RECORDED.write_text(render(record()))
