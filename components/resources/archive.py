"""A release archive that is sent to a host."""

from typing import Any

import pulumi


class Archive(pulumi.CustomResource):
    """Lies on the host where the install takes it from."""

    target: pulumi.Output[str]
    """Its path on the host."""

    def __init__(
        self,
        name: str,
        *,
        connection: pulumi.Input[Any],
        node: str,
        digest: pulumi.Input[str],
        source: pulumi.Input[str],
        target: pulumi.Input[str],
        damage: pulumi.Input[int],
        seconds: int,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        properties = {
            "connection": connection,
            "node": node,
            "digest": digest,
            "source": source,
            "target": target,
            "damage": damage,
            "seconds": seconds,
        }
        super().__init__("etcd:index:Archive", name, properties, opts)
