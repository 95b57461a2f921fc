"""What the user reads beside the error where EC2 refuses an instance."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.ec2.cloud import NODE_TAG, Cloud
from components.ec2.live import ALIVE
from etcd_cluster.ec2.refusals import advice


def hook(cloud: Cloud) -> pulumi.ErrorHook:
    """Return what runs after a failed call for an instance: it tells what to do, and never tries again by itself."""

    async def tell(args: pulumi.ErrorHookArgs) -> bool:
        inputs = args.new_inputs or {}
        if args.failed_operation != "create" or not args.errors:
            return False
        found = await _holding(cloud, inputs["primaryNetworkInterface"]["networkInterfaceId"])
        problem = advice(inputs["tags"][NODE_TAG], cloud.ec2.region, args.errors[0], found)
        if problem is not None:
            pulumi.log.error(str(problem))
        return False

    return pulumi.ErrorHook(f"{cloud.name}-instance-refused", tell)


async def _holding(cloud: Cloud, interface: str) -> Sequence[str]:
    """Return the ids of the instances on a network interface; none where EC2 cannot be asked: its error stands."""
    by_interface = aws.ec2.GetInstancesFilterArgs(name="network-interface.network-interface-id", values=[interface])
    options = pulumi.InvokeOutputOptions(provider=cloud.provider)
    try:
        found = aws.ec2.get_instances_output(
            filters=[by_interface], instance_state_names=list(ALIVE), opts=options
        ).ids.future()
        return await found or []
    except Exception:  # noqa: BLE001 (the SDK raises nothing more specific)
        return []
