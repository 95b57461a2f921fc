"""The one resource that changes the running cluster."""

from collections.abc import Mapping
from typing import Any

import pulumi


class Rollout(pulumi.CustomResource):
    """Brings the cluster to what is staged, one safe step at a time."""

    cluster_id: pulumi.Output[str]
    """etcd's id of the cluster, hexadecimal."""
    member_ids: pulumi.Output[Mapping[str, str]]
    """etcd's id of each member, hexadecimal."""
    steps: pulumi.Output[int]
    """How many steps were ever taken; the health check runs anew when it rises."""

    def __init__(
        self,
        name: str,
        *,
        connections: pulumi.Input[Any],
        members: Mapping[str, pulumi.Input[Any]],
        host_ids: Mapping[str, pulumi.Input[str]],
        valid_from: pulumi.Input[str],
        replaces: Mapping[str, str],
        restored_cluster_id: str | None,
        deadlines: Mapping[str, int],
        snapshots: Mapping[str, Any],
        token: str | None,
        trial_seconds: int,
        abandon_unreachable: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        properties = {
            "connections": connections,
            "members": members,
            "host_ids": host_ids,
            "valid_from": valid_from,
            "replaces": replaces,
            "restored_cluster_id": restored_cluster_id,
            "deadlines": deadlines,
            "snapshots": snapshots,
            "token": token,
            "trial_seconds": trial_seconds,
            "abandon_unreachable": abandon_unreachable,
            "cluster_id": None,
            "member_ids": None,
            "steps": None,
            "running": None,
        }
        super().__init__("etcd:index:Rollout", name, properties, opts)
