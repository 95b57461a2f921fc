"""The health check of a cluster in a program that is not in Python."""

from collections.abc import Mapping
from typing import Any

import pulumi


class ServedHealth(pulumi.CustomResource):
    """Does as `ClusterHealth`, in the provider: a dynamic resource needs a program in Python; see
    `provider/resources/cluster_health.py`.
    """

    members: pulumi.Output[list[dict[str, Any]]]
    """Each member: name, id, endpoint, version, db size in bytes, health, raft term and index."""
    leader: pulumi.Output[dict[str, str]]
    """The leader's name and endpoint."""
    version: pulumi.Output[str]
    """The version that runs; several while an upgrade is under way."""
    healthy: pulumi.Output[bool]
    """Whether all members gave an answer."""

    def __init__(
        self,
        name: str,
        *,
        connections: pulumi.Input[Any],
        targets: Mapping[str, pulumi.Input[Any]],
        steps: pulumi.Input[int],
        seconds: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        properties = {
            "connections": connections,
            "targets": targets,
            "steps": steps,
            "seconds": seconds,
            "members": None,
            "leader": None,
            "version": None,
            "healthy": None,
        }
        super().__init__("etcd:index:ClusterHealth", name, properties, opts)
