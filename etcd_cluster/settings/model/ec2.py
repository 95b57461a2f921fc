"""The settings of hosts on EC2."""

from typing import Annotated, Literal

from pydantic import Field

from etcd_cluster.settings.model.ec2_fields import (
    Cidr,
    Ec2Name,
    Generation,
    HostedZoneId,
    Hours,
    Image,
    InstanceType,
    KmsKey,
    Region,
    RoleArn,
    SecurityGroupId,
    SubnetId,
    TagKey,
    TagValue,
    VolumeId,
    VpcCidr,
    Zone,
)
from etcd_cluster.settings.model.fields import AlternativeName, Flag, Part, Seconds, whole

# The limits of gp3: EC2's API reference, CreateVolume, `Size`, `Iops` and `Throughput`.
LARGEST_GIB, MOST_IOPS, MOST_THROUGHPUT = 65_536, 80_000, 2_000

LOGIN_USERS = {"debian-12": "admin", "amazon-linux-2023": "ec2-user"}
"""The account of each image that is known by name."""


class Vpc(Part):
    """A small VPC of its own: an internet gateway, a route table, and a public subnet in each zone."""

    cidr: VpcCidr = Field(default="10.60.0.0/16", description="Its network, /16 to /24; no change after the first up.")
    zones: tuple[Zone, ...] = Field(description="The availability zones, such as `eu-central-1a`.")


class Volume(Part):
    """An encrypted gp3 volume. It grows in place and never shrinks; the settings hold for every node."""

    size: Annotated[int, whole(1, LARGEST_GIB, "GiB")] = Field(default=20, description="In GiB.")
    iops: Annotated[int, whole(3_000, MOST_IOPS)] = Field(
        default=3_000, description="I/O operations per second; those above 3000 cost extra."
    )
    throughput: Annotated[int, whole(125, MOST_THROUGHPUT, "MiB/s")] = Field(
        default=125, description="In MiB/s; what is above 125 costs extra."
    )
    kms_key_id: KmsKey | None = Field(
        default=None, description="ARN of the KMS key of new volumes; without it, the account's default one."
    )


class Route53(Part):
    """Names of the nodes: an A record NODE.DOMAIN for each, which its certificates carry too."""

    zone_id: HostedZoneId = Field(description="Id of the hosted zone.")
    domain: AlternativeName = Field(description="Domain that follows the node's name.")
    ttl: Annotated[int, whole(1, 86_400, "seconds")] = Field(default=60, description="In seconds.")


class VolumeSnapshots(Part):
    """A lifecycle policy that saves EBS snapshots of the data and WAL volumes."""

    role_arn: RoleArn = Field(description="ARN of the role that Data Lifecycle Manager works with.")
    every_hours: Hours = Field(default=24, description="How often, in hours: 1, 2, 3, 4, 6, 8, 12 or 24.")
    keep: Annotated[int, whole(1, 1000)] = Field(default=7, description="How many of each volume stay.")


class Ec2Deadlines(Part):
    """After how many seconds something on EC2 counts as failed."""

    ready: Seconds = Field(default=600, description="SSH answers on a new instance, and cloud-init is done.")


class NodeEc2(Part):
    """What differs from `ec2` for this node, and what replaces its instance."""

    generation: Generation = Field(
        default=1, description="Raise it to replace the instance; volumes, address and member stay."
    )
    volume_generation: Generation = Field(
        default=1,
        description="Raise it to get an instance with new volumes and a new address beside the old one.",
    )
    instance_type: InstanceType | None = Field(default=None, description="Without it, `ec2.instance_type`.")
    subnet_id: SubnetId | None = Field(default=None, description="One of `ec2.subnet_ids`; without it, one is chosen.")
    zone: Zone | None = Field(default=None, description="One of `ec2.vpc.zones`; without it, one is chosen.")
    data_volume_id: VolumeId | None = Field(
        default=None, description="An existing data volume in the node's zone that is attached instead of a new one."
    )
    wal_volume_id: VolumeId | None = Field(
        default=None, description="The same for the WAL; with `ec2.wal_volume`, both volumes are named or none."
    )


class Ec2(Part):
    """Instances on EC2 as hosts; what costs money is named in `Pulumi.ec2.yaml`."""

    region: Region = Field(description="AWS region.")
    architecture: Literal["amd64", "arm64"] = Field(
        default="amd64", description="`amd64` or `arm64`; `nodes.NAME.architecture` differs for one node."
    )
    instance_type: InstanceType = Field(description="Instance type, such as `m6i.large`; of the Nitro system.")
    image: Image = Field(
        default="debian-12",
        description="`debian-12`, `amazon-linux-2023` (the latest at an instance's creation), or the id of an image.",
    )
    subnet_ids: tuple[SubnetId, ...] = Field(default=(), description="Existing subnets of one VPC; or set `vpc`.")
    vpc: Vpc | None = Field(default=None, description="Make a small VPC; without it, `subnet_ids` say where.")
    address: Literal["private", "public"] = Field(
        default="private",
        description="Where SSH goes: `private`, or `public`, an elastic IP for each node."
        " Members always use their private addresses.",
    )
    security_group_ids: tuple[SecurityGroupId, ...] = Field(
        default=(), description="Existing security groups; without any, one is made from the settings below."
    )
    client_cidrs: tuple[Cidr, ...] = Field(default=(), description="Networks that may reach `client_port`.")
    client_security_group_ids: tuple[SecurityGroupId, ...] = Field(
        default=(), description="Security groups whose members may reach `client_port`."
    )
    ssh_cidrs: tuple[Cidr, ...] = Field(default=(), description="Networks that may reach the SSH port.")
    open_to_the_world: Flag = Field(default=False, description="Allow `0.0.0.0/0` and `::/0` among these networks.")
    key_name: Ec2Name | None = Field(
        default=None,
        description="An existing key pair, whose key `ssh` then names; without it, a key is generated.",
    )
    data_volume: Volume = Field(default_factory=Volume, description="The volume at `paths.data_dir`.")
    wal_volume: Volume | None = Field(default=None, description="A volume of its own at `paths.wal_dir`.")
    root_volume_size: Annotated[int, whole(8, LARGEST_GIB, "GiB")] = Field(
        default=10, description="Size of the system's disk, in GiB."
    )
    placement_group: Ec2Name | None = Field(default=None, description="An existing placement group.")
    spread_placement: Flag = Field(default=False, description="Make a placement group that keeps the nodes apart.")
    instance_profile: Ec2Name | None = Field(default=None, description="Name of an IAM instance profile.")
    termination_protection: Flag = Field(
        default=True, description="Refuse a termination from outside Pulumi; this program's own removals still work."
    )
    tags: dict[TagKey, TagValue] = Field(default_factory=dict, description="Tags of all that is made.")
    route53: Route53 | None = Field(default=None, description="DNS names in Route 53.")
    snapshots: VolumeSnapshots | None = Field(default=None, description="EBS snapshots by a lifecycle policy.")
    deadlines: Ec2Deadlines = Field(
        default_factory=Ec2Deadlines, description="After how long something counts as failed."
    )
