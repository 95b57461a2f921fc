"""The volumes of a node."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components.ec2.cloud import Cloud
from etcd_cluster.settings import NodeEc2, Settings, Volume

# What EC2 advises for volumes beside the system's; on Nitro the host shows them under names of its own.
DEVICE_NAMES = {"data": "/dev/sdf", "wal": "/dev/sdg"}


def mount_points(settings: Settings) -> dict[str, str]:
    """Return where the volumes of every node are mounted, by purpose: data, and wal with `ec2.wal_volume`."""
    assert settings.ec2 is not None, "the settings were checked"
    wal = {"wal": settings.paths.wal_dir or ""} if settings.ec2.wal_volume else {}
    return {"data": settings.paths.data_dir, **wal}


def named_volume(node: NodeEc2, purpose: str) -> str:
    """Return the id of the existing volume that the settings name for a node, empty where one is made."""
    return {"data": node.data_volume_id, "wal": node.wal_volume_id}[purpose] or ""


def make_volume(
    name: str,
    cloud: Cloud,
    node: str,
    settings: Volume,
    place: pulumi.Output[Mapping[str, Any]],
    purpose: str,
    parent: pulumi.Resource,
) -> aws.ebs.Volume:
    """Make an encrypted gp3 volume; it outlives its instance, and the cluster too unless the data shall go with it."""
    return aws.ebs.Volume(
        name,
        availability_zone=place.apply(lambda values: str(values["zone"])),
        type="gp3",
        size=settings.size,
        iops=settings.iops,
        throughput=settings.throughput,
        encrypted=True,
        kms_key_id=place.apply(lambda values: values[f"{purpose}_kms_key_id"] or None),
        tags=cloud.tags(name, node),
        opts=cloud.options(parent, retain_on_delete=not cloud.settings.purge_data_on_destroy),
    )


def attach(
    name: str,
    cloud: Cloud,
    purpose: str,
    instance: aws.ec2.Instance,
    volume_id: pulumi.Input[str],
    parent: pulumi.Resource,
) -> aws.ec2.VolumeAttachment:
    """Attach a volume for as long as the instance lives.

    terraform-provider-aws stops the instance before it detaches a volume and never starts it again
    (ebs_volume_attachment.go), so this program never detaches one: an attachment that goes is only forgotten, and its
    volume comes free when its instance is terminated.
    """
    return aws.ec2.VolumeAttachment(
        name,
        device_name=DEVICE_NAMES[purpose],
        instance_id=instance.id,
        volume_id=volume_id,
        stop_instance_before_detaching=True,
        opts=cloud.options(parent, delete_before_replace=True, retain_on_delete=True),
    )
