"""The claim on one host."""

from typing import Any

import pulumi


class Host(pulumi.CustomResource):
    """Takes the host's owner stamp, and at the end removes all that is ours there."""

    architecture: pulumi.Output[str]
    """`amd64` or `arm64`, as the host itself says."""
    damage: pulumi.Output[int]
    """How often a refresh found the installed binaries missing or changed."""
    host_id: pulumi.Output[str]
    """The random id of this claim."""

    def __init__(
        self,
        name: str,
        *,
        connection: pulumi.Input[Any],
        address: pulumi.Input[str],
        member: pulumi.Input[Any],
        owner: pulumi.Input[str],
        stack: str,
        purge_data: bool,
        abandon_unreachable: bool,
        seconds: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        properties = {
            "connection": connection,
            "address": address,
            "member": member,
            "owner": owner,
            "stack": stack,
            "purge_data": purge_data,
            "abandon_unreachable": abandon_unreachable,
            "seconds": seconds,
            "architecture": None,
            "damage": None,
            "host_id": None,
        }
        super().__init__("etcd:index:Host", name, properties, opts)
