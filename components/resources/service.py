"""What a member will use, staged on its host."""

from collections.abc import Mapping
from typing import Any

import pulumi


class Service(pulumi.CustomResource):
    """Stages the unit, the environment, the CA bundles and the leaf certificates."""

    revision: pulumi.Output[str]
    """The name of what takes a restart to change."""
    certificates: pulumi.Output[str]
    """The name of the leaf certificates, which need no restart."""
    valid_from: pulumi.Output[str]
    """The moment from which all leaf certificates are valid, ISO 8601."""

    def __init__(
        self,
        name: str,
        *,
        connection: pulumi.Input[Any],
        member: pulumi.Input[Any],
        client_ca: pulumi.Input[str],
        peer_ca: pulumi.Input[str],
        leaves: Mapping[str, pulumi.Input[str]],
        keys: Mapping[str, pulumi.Input[str]],
        seconds: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        properties = {
            "connection": connection,
            "member": member,
            "client_ca": client_ca,
            "peer_ca": peer_ca,
            "leafs": leaves,
            "keys": pulumi.Output.secret(keys),
            "seconds": seconds,
            "revision": None,
            "certificates": None,
            "valid_from": None,
        }
        super().__init__("etcd:index:Service", name, properties, opts)
