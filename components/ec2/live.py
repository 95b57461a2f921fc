"""The instances that EC2 has, whatever the state knows of them."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.ec2.cloud import NODE_TAG, Cloud

# One that is shutting down or terminated never comes back, and is listed for about an hour.
ALIVE = ("pending", "running", "stopping", "stopped")


def live_instances(cloud: Cloud, node: str) -> pulumi.Output[Sequence[str]]:
    """Return the ids of the node's instances, of all its generations, found by their tags."""
    options = pulumi.InvokeOutputOptions(provider=cloud.provider)
    return aws.ec2.get_instances_output(
        instance_tags={**cloud.cluster_tag, NODE_TAG: node}, instance_state_names=list(ALIVE), opts=options
    ).ids.apply(sorted)
