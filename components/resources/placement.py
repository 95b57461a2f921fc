"""Which node lies in which subnet or zone."""

from collections.abc import Mapping, Sequence

import pulumi


class Placement(pulumi.CustomResource):
    """Gives each node a place and never moves it."""

    assigned: pulumi.Output[Mapping[str, str]]
    """The place of each node."""

    def __init__(
        self,
        name: str,
        *,
        nodes: Sequence[str],
        places: Sequence[str],
        given: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        properties = {"nodes": nodes, "places": places, "given": given, "assigned": None}
        super().__init__("etcd:index:Placement", name, properties, opts)
