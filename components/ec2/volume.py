"""The volumes of a node."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components.ec2.cloud import Cloud
from etcd.settings import Volume

# What EC2 advises for volumes beside the system's; on Nitro the host shows them under names of its own.
DEVICE_NAMES = {"data": "/dev/sdf", "wal": "/dev/sdg"}


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
    """Attach a volume; before it is detached the instance is stopped, so that no write is cut off."""
    return aws.ec2.VolumeAttachment(
        name,
        device_name=DEVICE_NAMES[purpose],
        instance_id=instance.id,
        volume_id=volume_id,
        stop_instance_before_detaching=True,
        opts=cloud.options(parent, delete_before_replace=True),
    )
