"""The instance of a node, with its volumes, as far as the first verified login."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_tls as tls

from components.ec2.cloud import Cloud
from components.ec2.image import image_id
from components.ec2.networking.address import Address
from components.ec2.ssh_key import public_half, ssh_key
from components.ec2.volume import attach, make_volume, mount_points, named_volume
from components.resources.first_login import FirstLogin
from components.resources.instance_preflight import InstancePreflight
from components.resources.pinned import Pinned
from etcd_cluster.ec2 import user_data
from etcd_cluster.settings import Volume


@dataclass(frozen=True, kw_only=True)
class Ec2NodeArgs:
    """What a node's instance is made from."""

    node: str
    cloud: Cloud
    address: Address
    instances: pulumi.Output[Sequence[str]]
    """The node's instances, as EC2 has them."""
    key_name: pulumi.Input[str]
    placement_group: pulumi.Input[str] | None
    preflight: InstancePreflight
    refused: pulumi.ErrorHook
    """What tells the user what to do when EC2 makes no instance."""


# What replaces or stops an instance, by the names that travel (terraform-provider-aws, ec2_instance.go). A difference
# there, such as one that a refresh finds, changes nothing: what replaces an instance is its generation alone.
_KEPT = (
    "ami",
    "iamInstanceProfile",
    "instanceType",
    "keyName",
    "placementGroup",
    "primaryNetworkInterface",
    "rootBlockDevice",
    "userData",
)


class Ec2Node(pulumi.ComponentResource):
    """Everything that would touch the instance is pinned: only a raised `generation` replaces it.

    The volumes are not pinned: they grow in place.
    """

    host_key: pulumi.Output[str]
    """The key that the host shows; known once the first login is done."""
    instance_id: pulumi.Output[str]
    volume_ids: dict[str, pulumi.Output[str]]
    """By purpose: data, wal."""

    def __init__(self, name: str, args: Ec2NodeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("etcd:index:Ec2Node", name, None, opts)
        self._name, self._args = name, args
        settings = args.cloud.settings
        self._ec2 = settings.nodes[args.node].ec2
        first_key = ssh_key(f"{name}-g{self._ec2.generation}-first-key", self)
        made = self._volumes()
        pin = self._pin(first_key, made)
        instance = self._instance(pin)
        self.instance_id = instance.id
        self.volume_ids = {purpose: self._attached(pin, purpose, volume_id) for purpose, volume_id in made.items()}
        attachments = [
            attach(f"{name}-{purpose}-attachment", args.cloud, purpose, instance, volume_id, self)
            for purpose, volume_id in self.volume_ids.items()
        ]
        login = FirstLogin(
            f"{name}-first-login",
            node=args.node,
            connection=args.address.connection(None),
            first_key=public_half(first_key),
            final_key=args.address.host_key_line,
            final_private_key=args.address.host_key.private_key_openssh,
            instance_id=instance.id,
            volumes={mount: self._size(purpose) for purpose, mount in mount_points(args.cloud.settings).items()},
            seconds=args.cloud.ec2.deadlines.ready,
            opts=pulumi.ResourceOptions(parent=self, depends_on=attachments),
        )
        self.host_key = login.host_key
        self.register_outputs({"instance_id": self.instance_id, "volume_ids": self.volume_ids})

    def _attached(self, pin: Pinned, purpose: str, made: pulumi.Input[str]) -> pulumi.Output[str]:
        """Return the volume that the instance was made with; one that was asked for later is not known to its pin."""
        return pulumi.Output.all(pin.values, made).apply(lambda known: known[0][f"{purpose}_volume_id"] or known[1])

    @property
    def _wanted(self) -> dict[str, Volume]:
        ec2 = self._args.cloud.ec2
        return {"data": ec2.data_volume, **({"wal": ec2.wal_volume} if ec2.wal_volume else {})}

    def _size(self, purpose: str) -> int:
        """Return how far a file system has to grow, in GiB: nobody grows a volume that the settings name."""
        return 0 if named_volume(self._ec2, purpose) else self._wanted[purpose].size

    def _volumes(self) -> dict[str, pulumi.Input[str]]:
        """Return the id of each volume: of a new one, or of the one that the settings name."""
        args = self._args
        ids: dict[str, pulumi.Input[str]] = {}
        for purpose, volume in self._wanted.items():
            known = named_volume(self._ec2, purpose)
            if known:
                ids[purpose] = known
                continue
            name = f"{self._name}-{purpose}"
            ids[purpose] = make_volume(name, args.cloud, args.node, volume, args.address.place, purpose, self).id
        return ids

    def _pin(self, first_key: tls.PrivateKey, volume_ids: Mapping[str, pulumi.Input[str]]) -> Pinned:
        args, ec2 = self._args, self._args.cloud.ec2
        node = args.cloud.settings.nodes[args.node]
        # Every name always, "" for none: a pin keeps the values of the names that it has.
        values: dict[str, pulumi.Input[Any]] = {
            "ami": image_id(args.cloud, node.architecture or ec2.architecture),
            "instance_type": node.ec2.instance_type or ec2.instance_type,
            "key_name": args.key_name,
            "root_volume_size": ec2.root_volume_size,
            "data_volume_id": volume_ids["data"],
            "wal_volume_id": volume_ids.get("wal", ""),
            "instance_profile": ec2.instance_profile or "",
            "placement_group": args.placement_group or "",
        }
        return Pinned(
            f"{self._name}-pin",
            node=args.node,
            setting=f"nodes.{args.node}.ec2.generation",
            generation=node.ec2.generation,
            values=values,
            secrets={"user_data": self._user_data(first_key, volume_ids)},
            in_use=args.instances,
            forever=False,
            # A generation that is refused is not taken here either: it could never be lowered again.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.preflight]),
        )

    def _user_data(self, first_key: tls.PrivateKey, volume_ids: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[str]:
        mounts = mount_points(self._args.cloud.settings)

        def render(known: list[Any]) -> str:
            private, public, ids = known
            return user_data.render(
                node=self._args.node,
                generation=self._ec2.generation,
                first_private_key=private,
                first_public_key=public,
                volumes=[user_data.Volume(ids[purpose], mounts[purpose]) for purpose in sorted(ids)],
                image=self._args.cloud.ec2.image,
            )

        return pulumi.Output.all(first_key.private_key_openssh, public_half(first_key), dict(volume_ids)).apply(render)

    def _instance(self, pin: Pinned) -> aws.ec2.Instance:
        args, cloud = self._args, self._args.cloud
        return aws.ec2.Instance(
            f"{self._name}-instance",
            ami=_value(pin, "ami"),
            instance_type=_value(pin, "instance_type"),
            key_name=_value(pin, "key_name"),
            iam_instance_profile=_value(pin, "instance_profile"),
            placement_group=_value(pin, "placement_group"),
            user_data=pin.secrets.apply(lambda secrets: secrets["user_data"]),
            user_data_replace_on_change=True,
            primary_network_interface=aws.ec2.InstancePrimaryNetworkInterfaceArgs(
                network_interface_id=args.address.interface.id
            ),
            # Without a session token, and from a container behind one more hop, nobody reads the metadata.
            metadata_options=aws.ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            root_block_device=aws.ec2.InstanceRootBlockDeviceArgs(
                volume_type="gp3",
                volume_size=_value(pin, "root_volume_size"),
                encrypted=True,
                delete_on_termination=True,
                # Without the cluster's tag, which would have its snapshots taken too.
                tags={**cloud.ec2.tags, "Name": f"{cloud.name}-{args.node}-root"},
            ),
            # It holds against everyone but this program, whose own removals `force_destroy` lets through.
            disable_api_termination=cloud.ec2.termination_protection,
            force_destroy=True,
            tags=cloud.tags(f"{cloud.name}-{args.node}", args.node),
            # The network interface and the volumes can be at one instance only.
            opts=cloud.options(
                self,
                depends_on=[args.preflight],
                delete_before_replace=True,
                ignore_changes=_KEPT,
                replacement_trigger=self._ec2.generation,
                hooks=pulumi.ResourceHookBinding(on_error=[args.refused]),
            ),
        )


def _value(pin: Pinned, key: str) -> pulumi.Output[Any]:
    """Return a pinned value, None where there is none."""
    return pin.values.apply(lambda values: values[key] or None)
