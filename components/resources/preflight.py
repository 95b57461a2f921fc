"""The look at hosts and cluster before anything is touched."""

from collections.abc import Mapping
from typing import Any

import pulumi


class Preflight(pulumi.CustomResource):
    """Fails in preview and up alike for what cannot be done safely."""

    owner: pulumi.Output[str]
    """The random id of this cluster, which every host's stamp carries."""
    members: pulumi.Output[Mapping[str, Any]]
    """The members as inputs, by node name, with the addresses that they had before."""
    connections: pulumi.Output[Mapping[str, Any]]
    """How each node is reached, with the host keys that were trusted at first use; a secret."""

    def __init__(
        self,
        name: str,
        *,
        connections: Mapping[str, pulumi.Input[Any]],
        members: Mapping[str, pulumi.Input[Any]],
        authorities: Mapping[str, Any],
        certificates: Mapping[str, Any],
        replaces: Mapping[str, str],
        restored_cluster_id: str | None,
        architectures: Mapping[str, str | None],
        checksums: Mapping[str, str],
        source: str,
        stack: str,
        command_seconds: int,
        clock_seconds: int,
        trial_start: bool,
        hosts: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        properties = {
            "connections": connections,
            "members": members,
            "authorities": authorities,
            "certificates": certificates,
            "replaces": replaces,
            "restored_cluster_id": restored_cluster_id,
            "architectures": architectures,
            "checksums": checksums,
            "source": source,
            "stack": stack,
            "command_seconds": command_seconds,
            "clock_seconds": clock_seconds,
            "trial_start": trial_start,
            "hosts": hosts,
            "owner": None,
        }
        super().__init__("etcd:index:Preflight", name, properties, opts)
