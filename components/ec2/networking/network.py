"""Where instances lie: existing subnets, or those of a VPC that is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.ec2.cloud import Cloud
from etcd_cluster.settings.problems import problem


@dataclass(frozen=True, kw_only=True)
class Network:
    """A VPC and the places in it, by the names that the placement knows them by."""

    vpc_id: pulumi.Input[str]
    subnet_ids: Mapping[str, pulumi.Input[str]]
    """The subnet of each place."""
    zones: Mapping[str, str]
    """The availability zone of each place."""
    egress_dependencies: Sequence[pulumi.Resource] = ()
    """What has to exist before an instance reaches the internet."""


def existing_network(cloud: Cloud) -> Network:
    """Return the network of `ec2.subnet_ids`; raises `pulumi.RunError` for subnets that cannot be used together.

    EC2 is asked right away, so that nothing is made where a subnet is wrong.
    """
    options = pulumi.InvokeOptions(provider=cloud.provider)
    found = {subnet: _subnet(subnet, options) for subnet in cloud.ec2.subnet_ids}
    for subnet, each in found.items():
        if each.ipv6_native:
            raise _refusal(
                f'"{subnet}" is for IPv6 only; expected subnets with IPv4 addresses',
                "Members reach each other by those.",
                "Name another subnet.",
            )
    vpcs = {subnet: each.vpc_id for subnet, each in found.items()}
    if len(set(vpcs.values())) > 1:
        lines = ", ".join(f"{subnet} in {vpc}" for subnet, vpc in vpcs.items())
        raise _refusal(
            f"expected subnets of one VPC, got {lines}",
            "Members reach each other by their private addresses.",
            "Leave only the subnets of one VPC.",
        )
    return Network(
        vpc_id=next(iter(vpcs.values())),
        subnet_ids={subnet: subnet for subnet in found},
        zones={subnet: each.availability_zone for subnet, each in found.items()},
    )


def _subnet(subnet: str, options: pulumi.InvokeOptions) -> aws.ec2.GetSubnetResult:
    try:
        return aws.ec2.get_subnet(id=subnet, opts=options)
    except Exception as error:
        # The SDK raises nothing more specific.
        raise _refusal(
            f'"{subnet}" cannot be looked up in the region',
            f"EC2 answered: {error}",
            "Correct the id or ec2.region, and check that the credentials of AWS allow ec2:DescribeSubnets.",
        ) from error


def _refusal(what: str, why: str, action: str) -> pulumi.RunError:
    return pulumi.RunError(str(problem(("ec2", "subnet_ids"), what, why, action)))
