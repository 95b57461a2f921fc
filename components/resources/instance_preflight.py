"""The look at the members before an instance is replaced."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi


class InstancePreflight(pulumi.CustomResource):
    """Refuses more than one instance at a time, and stops its member first."""

    def __init__(
        self,
        name: str,
        *,
        generations: Mapping[str, Sequence[int]],
        connections: Mapping[str, pulumi.Input[Any]],
        members: Mapping[str, pulumi.Input[Any]],
        command_seconds: int,
        shutdown_seconds: int,
        instances: Mapping[str, pulumi.Input[Sequence[str]]],
        volumes: Mapping[str, Mapping[str, Mapping[str, str]]],
        vpc_cidr: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        properties = {
            "generations": generations,
            "connections": pulumi.Output.secret(connections),
            "members": members,
            "command_seconds": command_seconds,
            "shutdown_seconds": shutdown_seconds,
            "instances": instances,
            "volumes": volumes,
            "vpc_cidr": vpc_cidr,
        }
        super().__init__("etcd:index:InstancePreflight", name, properties, opts)
