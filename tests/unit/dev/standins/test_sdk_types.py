"""The stand-ins know every input and output that the published SDK declares for the resources used, and no other."""

import inspect
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_command
import pulumi_tls
import pytest

from dev.standins.aws import plugin as aws
from dev.standins.aws.functions import FUNCTIONS
from dev.standins.aws.types import DECLARED
from dev.standins.command import plugin as command
from dev.standins.command.ssh_connection import CONNECTION
from dev.standins.resource_plugin.schema import Field
from dev.standins.tls import plugin as tls
from dev.toolchain import versions
from tests.unit.dev.standins import record_aws

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

    packages = {name: version(f"pulumi-{name}") for name in ("aws", "command", "tls")}
    assert packages == versions.RESOURCE_PLUGINS
    assert versions.RESOURCE_PLUGINS == {"aws": aws.VERSION, "command": command.VERSION, "tls": tls.VERSION}
    assert version("pulumi") == versions.CLI


def test_the_recorded_types_of_aws_are_those_of_the_sdk() -> None:
    assert record_aws.RECORDED.read_text() == record_aws.render(record_aws.record())


def test_the_aws_stand_in_names_nothing_that_the_sdk_does_not_know() -> None:
    for kind in aws.RESOURCES:
        inputs = DECLARED[kind.token].inputs
        named = {path.partition(".")[0] for path in kind.replaces} | {
            name for group in kind.exclusive for name in group
        }
        assert named <= set(inputs), kind.token
    assert set(FUNCTIONS) <= set(DECLARED)
