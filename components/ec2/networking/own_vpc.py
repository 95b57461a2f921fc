"""A small VPC for the cluster alone."""

import ipaddress

import pulumi
import pulumi_aws as aws

from components.ec2.cloud import Cloud
from components.ec2.networking.network import Network
from etcd_cluster.settings import Vpc

_SUBNET_BITS = 4


class OwnVpc(pulumi.ComponentResource):
    """A VPC, an internet gateway, a route table, and a public subnet in each zone."""

    network: Network

    def __init__(self, name: str, cloud: Cloud, settings: Vpc, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("etcd:index:OwnVpc", name, None, opts)
        options = cloud.options(self)
        vpc = aws.ec2.Vpc(
            f"{name}-network",
            cidr_block=settings.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=cloud.tags(name),
            # Instances lie in it. InstancePreflight refuses another network; this is the second lock.
            opts=cloud.options(self, ignore_changes=["cidrBlock"]),
        )
        gateway = aws.ec2.InternetGateway(f"{name}-gateway", vpc_id=vpc.id, tags=cloud.tags(name), opts=options)
        routes = aws.ec2.RouteTable(
            f"{name}-routes",
            vpc_id=vpc.id,
            routes=[aws.ec2.RouteTableRouteArgs(cidr_block="0.0.0.0/0", gateway_id=gateway.id)],
            tags=cloud.tags(name),
            # A route that somebody adds outside, to another VPC or a VPN, stays.
            opts=cloud.options(self, ignore_changes=["routes"]),
        )
        subnets, associations = {}, []
        for zone in settings.zones:
            subnets[zone] = aws.ec2.Subnet(
                f"{name}-{zone}",
                vpc_id=vpc.id,
                availability_zone=zone,
                cidr_block=subnet_cidr(settings.cidr, zone),
                map_public_ip_on_launch=False,
                tags=cloud.tags(f"{name}-{zone}"),
                opts=cloud.options(self, ignore_changes=["cidrBlock"]),
            )
            associations.append(
                aws.ec2.RouteTableAssociation(
                    f"{name}-{zone}-routes", subnet_id=subnets[zone].id, route_table_id=routes.id, opts=options
                )
            )
        self.network = Network(
            vpc_id=vpc.id,
            subnet_ids={zone: subnet.id for zone, subnet in subnets.items()},
            zones={zone: zone for zone in settings.zones},
            egress_dependencies=[gateway, *associations],
        )
        self.register_outputs({"vpc_id": vpc.id, "subnet_ids": self.network.subnet_ids})


def subnet_cidr(cidr: str, zone: str) -> str:
    """Return the network of a zone: a sixteenth of the VPC's, by the zone's letter.

    So it stays the same whatever other zones are listed.
    """
    parts = list(ipaddress.ip_network(cidr).subnets(prefixlen_diff=_SUBNET_BITS))
    return str(parts[ord(zone[-1]) - ord("a")])
