"""Every input of a resource on AWS is one that the SDK knows, of the type that the SDK has."""

from dataclasses import replace
from typing import Any

import pytest

from provider.values import struct
from tests.program.cloud import ALL_OPTIONS, OWN_VPC, made
from tests.program.recording import Deployment, Registered
from tests.program.sdk_types import mistakes


def on_aws(deployment: Deployment) -> list[Registered]:
    return [each for each in deployment.resources if each.type.startswith("aws:")]


@pytest.mark.parametrize("ec2", [{}, ALL_OPTIONS, OWN_VPC], ids=["plain", "all options", "own VPC"])
def test_every_input_is_one_of_the_sdk(ec2: dict[str, Any]) -> None:
    found = on_aws(made(ec2=ec2))
    assert len(found) > 15
    assert {each.name: mistakes(each) for each in found if mistakes(each)} == {}


def test_the_options_cover_every_type_that_the_program_makes() -> None:
    made_types = {each.type for ec2 in (ALL_OPTIONS, OWN_VPC, {}) for each in on_aws(made(ec2=ec2))}
    assert {each.partition("/")[0] for each in made_types} == {
        "aws:ec2",
        "aws:ebs",
        "aws:vpc",
        "aws:dlm",
        "aws:route53",
    }
    assert len(made_types) == 17


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"amii": "ami-1"}, "amii: unknown"),
        ({"ami": 1}, "ami: 1 is no <class 'str'>"),
        ({"userDataReplaceOnChange": "true"}, "userDataReplaceOnChange: 'true' is no <class 'bool'>"),
        ({"metadataOptions": {"httpToken": "required"}}, "metadataOptions.httpToken: unknown"),
        ({"metadataOptions": {"httpPutResponseHopLimit": "1"}}, "metadataOptions.httpPutResponseHopLimit: '1' is no"),
        ({"vpcSecurityGroupIds": "sg-1"}, "vpcSecurityGroupIds: 'sg-1' is no list"),
        ({"tags": {"a": 1}}, "tags.a: 1 is no <class 'str'>"),
        ({"arn": "arn:aws:…"}, "arn: unknown"),
    ],
)
def test_a_wrong_input_is_found(inputs: dict[str, Any], expected: str) -> None:
    instance = made().one("etcd-etcd-1-v1-instance")
    broken = replace(instance, raw=struct({**instance.inputs, **inputs}, set()))
    assert [each for each in mistakes(broken) if each.startswith(expected)]


def test_a_missing_input_is_found() -> None:
    volume = made().one("etcd-etcd-1-v1-data")
    without = {key: value for key, value in volume.inputs.items() if key != "availabilityZone"}
    assert mistakes(replace(volume, raw=struct(without, set()))) == ["availabilityZone: missing"]
