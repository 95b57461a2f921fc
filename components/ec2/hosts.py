"""The hosts of a cluster as instances on EC2."""

from typing import Any

import pulumi
import pulumi_aws as aws

from components import inputs
from components.cluster_host import ClusterHost, ClusterHosts
from components.ec2 import refusals
from components.ec2.cloud import Cloud
from components.ec2.live import live_instances
from components.ec2.login_key import LoginKey
from components.ec2.networking.address import Address, AddressArgs
from components.ec2.networking.network import Network, existing_network
from components.ec2.networking.own_vpc import OwnVpc
from components.ec2.networking.security_group import SecurityGroup
from components.ec2.node import Ec2Node, Ec2NodeArgs
from components.ec2.snapshots import snapshot_policy
from components.ec2.volume import mount_points, named_volume
from components.resources.instance_preflight import InstancePreflight
from components.resources.placement import Placement
from etcd_cluster.settings import NodeEc2, Settings


class Ec2Hosts(pulumi.ComponentResource):
    """Network, keys and addresses first; then the look at the members; then instances as far as the first login."""

    hosts: ClusterHosts

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("etcd:index:Ec2Hosts", name, None, opts)
        assert settings.ec2 is not None, "the settings were checked"
        self._child = pulumi.ResourceOptions(parent=self)
        self._cloud = Cloud(
            settings=settings,
            ec2=settings.ec2,
            provider=aws.Provider(f"{name}-aws", region=settings.ec2.region, opts=self._child),
            stack=f"{pulumi.get_project()}/{pulumi.get_stack()}",
        )
        self._name, self._settings, self._ec2 = name, settings, settings.ec2
        network = self._network()
        self._instances = {node: live_instances(self._cloud, node) for node in settings.nodes}
        login = None if self._ec2.key_name else LoginKey(f"{name}-login", self._cloud, self._child)
        addresses = self._addresses(network, login)
        preflight = self._preflight(addresses)
        group = self._placement_group()
        refused = refusals.hook(self._cloud)
        nodes = {
            node: Ec2Node(
                self._generation(node),
                Ec2NodeArgs(
                    node=node,
                    cloud=self._cloud,
                    address=address,
                    instances=self._instances[node],
                    key_name=login.key_name if login else self._ec2.key_name or "",
                    placement_group=group,
                    preflight=preflight,
                    refused=refused,
                ),
                opts=self._child,
            )
            for node, address in addresses.items()
        }
        if self._ec2.snapshots:
            snapshot_policy(f"{name}-snapshots", self._cloud, self._ec2.snapshots, self)
        self.hosts = ClusterHosts(
            nodes={node: self._host(node, addresses[node], each) for node, each in nodes.items()},
            made=[self],
            outputs={
                "instances": {node: self._described(addresses[node], each) for node, each in nodes.items()},
                **({"ssh_private_key": login.private_key} if login else {}),
            },
        )
        self.register_outputs({"instances": self.hosts.outputs["instances"]})

    def _generation(self, node: str) -> str:
        """Return the name of all that a raised `volume_generation` makes anew."""
        return f"{self._cloud.name}-{node}-v{self._settings.nodes[node].ec2.volume_generation}"

    def _network(self) -> Network:
        if self._ec2.vpc is None:
            return existing_network(self._cloud)
        return OwnVpc(f"{self._name}-vpc", self._cloud, self._ec2.vpc, self._child).network

    def _addresses(self, network: Network, login: LoginKey | None) -> dict[str, Address]:
        groups: list[pulumi.Input[str]] = list(self._ec2.security_group_ids)
        ssh_ingress = []
        if not groups:
            made = SecurityGroup(f"{self._name}-security", self._cloud, network.vpc_id, self._child)
            groups.append(made.id)
            ssh_ingress.append(made)
        chosen = {node: each.ec2.subnet_id or each.ec2.zone for node, each in self._settings.nodes.items()}
        placement = Placement(
            f"{self._name}-placement",
            nodes=sorted(self._settings.nodes),
            places=list(network.subnet_ids),
            given={node: place for node, place in chosen.items() if place is not None},
            opts=self._child,
        )
        return {
            node: Address(
                f"{self._generation(node)}-address",
                AddressArgs(
                    node=node,
                    cloud=self._cloud,
                    network=network,
                    instances=self._instances[node],
                    place=placement.assigned[node],
                    security_group_ids=groups,
                    ssh_ingress=ssh_ingress,
                    private_key=login.private_key if login else None,
                ),
                opts=self._child,
            )
            for node in self._settings.nodes
        }

    def _preflight(self, addresses: dict[str, Address]) -> InstancePreflight:
        generations = {node: each.ec2 for node, each in self._settings.nodes.items()}
        return InstancePreflight(
            f"{self._name}-preflight",
            generations={node: [each.volume_generation, each.generation] for node, each in generations.items()},
            connections={node: address.connection(address.host_key_line) for node, address in addresses.items()},
            members=inputs.members(self._settings, {node: address.private for node, address in addresses.items()}),
            command_seconds=self._settings.deadlines.command,
            shutdown_seconds=self._settings.deadlines.shutdown,
            instances=self._instances,
            volumes={node: self._volumes(each.ec2) for node, each in self._settings.nodes.items()},
            vpc_cidr=self._ec2.vpc.cidr if self._ec2.vpc else "",
            opts=self._child,
        )

    def _volumes(self, node: NodeEc2) -> dict[str, dict[str, str]]:
        return {
            purpose: {"mount_point": mount, "volume_id": named_volume(node, purpose)}
            for purpose, mount in mount_points(self._settings).items()
        }

    def _placement_group(self) -> pulumi.Input[str] | None:
        if not self._ec2.spread_placement:
            return self._ec2.placement_group
        name = f"{self._name}-spread"
        group = aws.ec2.PlacementGroup(
            name, strategy="spread", tags=self._cloud.tags(name), opts=self._cloud.options(self)
        )
        return group.name

    def _host(self, node: str, address: Address, made: Ec2Node) -> ClusterHost:
        names: list[pulumi.Input[str]] = [*self._settings.nodes[node].extra_names]
        if address.public is not None:
            names.append(address.public)
        if self._ec2.route53 is not None:
            names.append(self._record(node, address))
        return ClusterHost(
            address=address.private, connection=address.connection(made.host_key), extra_names=tuple(names)
        )

    def _record(self, node: str, address: Address) -> str:
        """Make the node's name in Route 53; it follows the node to another address, so no generation is in it."""
        route53 = self._ec2.route53
        assert route53 is not None, "asked for"
        name = f"{node}.{route53.domain}"
        aws.route53.Record(
            f"{self._cloud.name}-{node}-record",
            zone_id=route53.zone_id,
            name=name,
            type="A",
            ttl=route53.ttl,
            records=[address.ssh],
            opts=self._cloud.options(self),
        )
        return name

    def _described(self, address: Address, made: Ec2Node) -> dict[str, pulumi.Input[Any]]:
        return {
            "instance_id": made.instance_id,
            "data_volume_id": made.volume_ids["data"],
            **({"wal_volume_id": made.volume_ids["wal"]} if "wal" in made.volume_ids else {}),
            "private_address": address.private,
            "ssh_address": address.ssh,
        }
