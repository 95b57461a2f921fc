"""The stand-ins know every input and output that the published SDK declares for the resources used, and no other."""

import inspect
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_command
import pulumi_tls
import pytest

from lab.standins import command, tls
from lab.standins.schema import Field
from lab.standins.ssh_connection import CONNECTION
from lab.toolchain import versions

RESOURCES: list[tuple[type[pulumi.CustomResource], str, Mapping[str, Field], set[str]]] = [
    (pulumi_command.remote.Command, command.RemoteCommand.token, command.INPUTS, command.OUTPUTS),
    *((getattr(pulumi_tls, kind.__name__), kind.token, kind.inputs, set(kind.computed)) for kind in tls.RESOURCES),
]


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def arguments(kind: Any) -> dict[str, bool]:
    """Return the SDK's input names, as they travel, and whether they are required."""
    signature = inspect.signature(kind.__init__).parameters
    return {
        camel(name): parameter.default is inspect.Parameter.empty
        for name, parameter in signature.items()
        if not name.endswith("self__")
    }


def args_class(resource: type[pulumi.CustomResource]) -> Any:
    return getattr(inspect.getmodule(resource), f"{resource.__name__}Args")


@pytest.mark.parametrize(
    ("resource", "token", "inputs", "outputs"), RESOURCES, ids=lambda value: getattr(value, "__name__", "")
)
def test_inputs_and_outputs_are_those_of_the_sdk(
    resource: type[pulumi.CustomResource], token: str, inputs: Mapping[str, Field], outputs: set[str]
) -> None:
    expected = arguments(args_class(resource))
    assert set(inputs) == set(expected)
    required = {name for name, field in inputs.items() if field.required}
    assert required == {name for name, needed in expected.items() if needed}
    properties = {camel(name) for name, value in vars(resource).items() if isinstance(value, property)}
    assert set(inputs) | outputs == properties
    assert token == resource.pulumi_type


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (pulumi_command.remote.ConnectionArgs, CONNECTION),
        (pulumi_command.remote.ProxyConnectionArgs, CONNECTION["proxy"].fields),
        (pulumi_tls.CertRequestSubjectArgs, tls.CertRequest.inputs["subject"].fields),
        (pulumi_tls.SelfSignedCertSubjectArgs, tls.SelfSignedCert.inputs["subject"].fields),
    ],
)
def test_nested_inputs_are_those_of_the_sdk(kind: Any, fields: Mapping[str, Field]) -> None:
    expected = arguments(kind)
    assert set(fields) == set(expected)
    assert {name for name, field in fields.items() if field.required} == {n for n, needed in expected.items() if needed}


def test_values_of_logging_are_those_of_the_sdk() -> None:
    assert set(command.INPUTS["logging"].choices) == {member.value for member in pulumi_command.remote.Logging}


def test_versions_are_those_of_the_sdk_packages() -> None:
    from importlib.metadata import version

    assert {"command": version("pulumi-command"), "tls": version("pulumi-tls")} == versions.RESOURCE_PLUGINS
    assert versions.RESOURCE_PLUGINS == {"command": command.VERSION, "tls": tls.VERSION}
    assert version("pulumi") == versions.CLI
