"""The policy that saves snapshots of the volumes."""

import pulumi
import pulumi_aws as aws

from components.ec2.cloud import Cloud
from etcd_cluster.settings import VolumeSnapshots


def snapshot_policy(name: str, cloud: Cloud, settings: VolumeSnapshots, parent: pulumi.Resource) -> None:
    """Make a lifecycle policy for all volumes that carry the cluster's tag, those kept from earlier nodes too."""
    schedule = aws.dlm.LifecyclePolicyPolicyDetailsScheduleArgs(
        name=f"every {settings.every_hours} hours",
        create_rule=aws.dlm.LifecyclePolicyPolicyDetailsScheduleCreateRuleArgs(
            interval=settings.every_hours, interval_unit="HOURS"
        ),
        retain_rule=aws.dlm.LifecyclePolicyPolicyDetailsScheduleRetainRuleArgs(count=settings.keep),
        copy_tags=True,
    )
    aws.dlm.LifecyclePolicy(
        name,
        description=f"Snapshots of the volumes of the etcd cluster {cloud.name}",
        execution_role_arn=settings.role_arn,
        state="ENABLED",
        policy_details=aws.dlm.LifecyclePolicyPolicyDetailsArgs(
            policy_type="EBS_SNAPSHOT_MANAGEMENT",
            resource_types=["VOLUME"],
            target_tags=cloud.cluster_tag,
            schedules=[schedule],
        ),
        tags=cloud.tags(name),
        opts=cloud.options(parent),
    )
