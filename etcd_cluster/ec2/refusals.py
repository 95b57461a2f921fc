"""What to do where EC2 refused to make an instance, in addition to EC2's own words."""

from collections.abc import Sequence

from etcd_cluster.errors import Problem
from etcd_cluster.reasons import Reason

_IN_USE = "InvalidNetworkInterface.InUse"
# Codes of RunInstances that another setting answers:
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
_SETTINGS = {
    "InsufficientInstanceCapacity": "ec2.instance_type",
    "InsufficientCapacity": "ec2.instance_type",
    "Unsupported": "ec2.instance_type",
    "InvalidInstanceType": "ec2.instance_type",
    "InvalidAMIID": "ec2.image",
    "InvalidBlockDeviceMapping": "ec2.root_volume_size",
    "InvalidKeyPair": "ec2.key_name",
    "InvalidPlacementGroup": "ec2.placement_group",
    "InvalidIamInstanceProfile": "ec2.instance_profile",
}


def advice(node: str, region: str, error: str, instances: Sequence[str]) -> Problem | None:
    """Return what the user can do about `error`, None where EC2's words are all there is to say.

    `instances` are the ids of those that EC2 has on the node's network interface.
    """
    if _IN_USE in error and instances:
        return _unknown_instance(node, region, instances)
    setting = next((setting for code, setting in _SETTINGS.items() if code in error), None)
    if setting is None:
        return None
    return Problem(
        Reason.INSTANCE_REFUSED,
        node,
        "EC2 refused its instance, and it has none now",
        f"Run `pulumi up` again later, or correct `{setting}` and run it: while a node has no instance, a changed "
        "setting holds at once, without a raised generation",
    )


def _unknown_instance(node: str, region: str, instances: Sequence[str]) -> Problem:
    names = " ".join(instances)
    commands = [
        f"aws ec2 modify-instance-attribute --region {region} --instance-id {instance} --no-disable-api-termination"
        for instance in instances
    ]
    commands.append(f"aws ec2 terminate-instances --region {region} --instance-ids {names}")
    commands.append(f"aws ec2 wait instance-terminated --region {region} --instance-ids {names}")
    lines = "".join(f"  {command}\n" for command in commands)
    return Problem(
        Reason.INSTANCE_REFUSED,
        node,
        f"EC2 has made an instance of it that the state does not know: {names}. A run was killed before it could note "
        "it. It holds the network interface, so no other can be made; no volume of the cluster was attached to it yet. "
        f"These commands remove it:\n{lines}",
        "Run them, then `pulumi up`; if a volume is attached to it after all, the state was put back or edited: see "
        "docs/ec2.md",
    )
