"""Values that hold until a generation is raised."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi


class Pinned(pulumi.CustomResource):
    """Its outputs are the inputs of the moment the generation was new."""

    values: pulumi.Output[Mapping[str, Any]]
    """The pinned values."""
    secrets: pulumi.Output[Mapping[str, str]]
    """The pinned values that are secrets."""

    def __init__(
        self,
        name: str,
        *,
        node: str,
        setting: str,
        generation: int,
        values: Mapping[str, pulumi.Input[Any]],
        secrets: Mapping[str, pulumi.Input[str]],
        in_use: pulumi.Input[Sequence[str]],
        forever: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        properties = {
            "node": node,
            "setting": setting,
            "generation": generation,
            "values": values,
            "secrets": pulumi.Output.secret(secrets),
            "in_use": in_use,
            "forever": forever,
        }
        super().__init__("etcd:index:Pinned", name, properties, opts)
