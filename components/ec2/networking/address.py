"""Where a node lies, and the address and host key that outlive its instance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_tls as tls

from components import inputs
from components.ec2.cloud import Cloud
from components.ec2.networking.network import Network
from components.ec2.ssh_key import public_half, ssh_key
from components.resources.pinned import Pinned


@dataclass(frozen=True, kw_only=True)
class AddressArgs:
    """What an address is made from."""

    node: str
    cloud: Cloud
    network: Network
    instances: pulumi.Output[Sequence[str]]
    """The node's instances, as EC2 has them."""
    place: pulumi.Output[str]
    """The subnet or zone that the placement gives the node."""
    security_group_ids: list[pulumi.Input[str]]
    ssh_ingress: Sequence[pulumi.Resource]
    """What lets SSH in: it comes before the first login, and stays until the last one."""
    private_key: pulumi.Output[str] | None
    """The key to log in with; the settings' without one."""


class Address(pulumi.ComponentResource):
    """A network interface of its own, so that the address is there before the instance and stays when it goes.

    All of it is made anew when the node's `volume_generation` is raised, and never otherwise.
    """

    place: pulumi.Output[Mapping[str, Any]]
    """The pinned place: subnet, zone, keys of volumes."""
    interface: aws.ec2.NetworkInterface
    host_key: tls.PrivateKey
    """The host's final key; it never stands in user data."""
    private: pulumi.Output[str]
    ssh: pulumi.Output[str]
    """Where SSH goes: the private address, or the elastic one."""
    public: pulumi.Output[str] | None

    def __init__(self, name: str, args: AddressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("etcd:index:Address", name, None, opts)
        cloud, node = args.cloud, args.node
        self._args = args
        self.place = self._pinned_place(f"{name}-place")
        self.interface = aws.ec2.NetworkInterface(
            f"{name}-eni",
            description=f"{node} of the etcd cluster {cloud.name}",
            subnet_id=self.place.apply(lambda values: str(values["subnet_id"])),
            security_groups=args.security_group_ids,
            tags=cloud.tags(f"{cloud.name}-{node}", node),
            opts=cloud.options(self, depends_on=args.ssh_ingress),
        )
        self.private = self.interface.private_ip
        self.public = self._elastic(f"{name}-eip") if cloud.ec2.address == "public" else None
        self.ssh = self.private if self.public is None else self.public
        self.host_key = ssh_key(f"{name}-host-key", self)
        self.register_outputs({"private": self.private, "ssh": self.ssh, "host_key": public_half(self.host_key)})

    @property
    def host_key_line(self) -> pulumi.Output[str]:
        """The public half of the host's final key."""
        return public_half(self.host_key)

    def connection(self, host_key: pulumi.Input[str] | None) -> pulumi.Output[dict[str, Any]]:
        """Return how SSH reaches the host when it shows this key."""
        args = self._args
        return inputs.connection(
            args.cloud.settings, args.node, self.ssh, host_key=host_key, private_key=args.private_key
        )

    def _elastic(self, name: str) -> pulumi.Output[str]:
        cloud, node = self._args.cloud, self._args.node
        address = aws.ec2.Eip(
            name,
            domain="vpc",
            network_interface=self.interface.id,
            tags=cloud.tags(f"{cloud.name}-{node}", node),
            opts=cloud.options(self, depends_on=self._args.network.egress_dependencies),
        )
        return address.public_ip

    def _pinned_place(self, name: str) -> pulumi.Output[Mapping[str, Any]]:
        args, ec2 = self._args, self._args.cloud.ec2
        subnets = pulumi.Output.from_input(dict(args.network.subnet_ids))
        # Every name always, "" for none: a pin keeps the values of the names that it has.
        values: dict[str, pulumi.Input[Any]] = {
            "subnet_id": pulumi.Output.all(args.place, subnets).apply(lambda known: known[1][known[0]]),
            "zone": args.place.apply(lambda place: args.network.zones[place]),
            "data_kms_key_id": ec2.data_volume.kms_key_id or "",
            "wal_kms_key_id": (ec2.wal_volume.kms_key_id if ec2.wal_volume else None) or "",
        }
        pin = Pinned(
            name,
            node=args.node,
            setting=f"nodes.{args.node}.ec2.volume_generation",
            generation=args.cloud.settings.nodes[args.node].ec2.volume_generation,
            values=values,
            secrets={},
            in_use=args.instances,
            # The volumes with the members' data lie there, whatever becomes of the instance.
            forever=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return pin.values
