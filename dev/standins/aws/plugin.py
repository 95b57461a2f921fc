"""The resource plugin `aws` 7.51.1 over an account of the lab: its instances are hosts, its volumes image files.

Types, inputs and outputs are the published SDK's; what replaces a resource follows terraform-provider-aws. What the
account holds and what shall fail is a file (`aws_account`). Not played: the rules of security groups, elastic
addresses, DNS, snapshots, IAM, prices, and that AWS takes its time.
"""

from functools import cache

from dev.standins.aws.account import REGION, Account
from dev.standins.aws.functions import functions
from dev.standins.aws.groups import EgressRule, IngressRule, KeyPair, PlacementGroup, SecurityGroup
from dev.standins.aws.hosts import Hosts, open_hosts
from dev.standins.aws.instance import Instance
from dev.standins.aws.network import (
    Eip,
    InternetGateway,
    NetworkInterface,
    RouteTable,
    RouteTableAssociation,
    Subnet,
    Vpc,
)
from dev.standins.aws.recorded import LifecyclePolicy, Record
from dev.standins.aws.resource import AwsResource
from dev.standins.aws.volume import Volume, VolumeAttachment
from dev.standins.resource_plugin.plugin import serve
from dev.standins.resource_plugin.values import Properties

VERSION = "7.51.1"

RESOURCES: tuple[type[AwsResource], ...] = (
    Instance,
    Volume,
    VolumeAttachment,
    NetworkInterface,
    Vpc,
    Subnet,
    InternetGateway,
    RouteTable,
    RouteTableAssociation,
    SecurityGroup,
    IngressRule,
    EgressRule,
    KeyPair,
    Eip,
    PlacementGroup,
    LifecyclePolicy,
    Record,
)


@cache
def world() -> tuple[Account, Hosts]:
    """Return the account that the environment names, and the hosts behind it."""
    hosts, folder = open_hosts()
    return Account(folder, hosts.network), hosts


def configure(configuration: Properties) -> str | None:
    """Return what is wrong with the provider's configuration."""
    region = configuration.get("region")
    if region is None:
        return "Missing region: set aws:region"
    return None if region == REGION else f"the lab's account is in {REGION}, not in {region}"


def main() -> None:
    """Serve the plugin."""
    lookups = functions(lambda: world()[0])
    serve("aws", VERSION, [kind(world) for kind in RESOURCES], lookups, configure)
