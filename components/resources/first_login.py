"""The first login on a new instance."""

from collections.abc import Mapping
from typing import Any

import pulumi


class FirstLogin(pulumi.CustomResource):
    """Waits for SSH and cloud-init, then puts the final host key in place."""

    host_key: pulumi.Output[str]
    """The public half of the key that the host shows from then on."""

    def __init__(
        self,
        name: str,
        *,
        node: str,
        connection: pulumi.Input[Any],
        first_key: pulumi.Input[str],
        final_key: pulumi.Input[str],
        final_private_key: pulumi.Input[str],
        instance_id: pulumi.Input[str],
        volumes: Mapping[str, pulumi.Input[int]],
        seconds: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        properties = {
            "node": node,
            "connection": connection,
            "first_key": first_key,
            "final_key": final_key,
            "final_private_key": pulumi.Output.secret(final_private_key),
            "instance_id": instance_id,
            "volumes": volumes,
            "seconds": seconds,
            "host_key": None,
        }
        super().__init__("etcd:index:FirstLogin", name, properties, opts)
