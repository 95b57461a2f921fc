"""The places of the nodes, remembered in the state."""

from collections.abc import Sequence
from typing import Any, ClassVar

from etcd_cluster.ec2.placement import assign
from etcd_cluster.errors import ClusterError
from provider.resource import Failure, Properties, Resource
from provider.values import UNKNOWN, has_unknown


class Placement(Resource):
    """`etcd:index:Placement`: its check gives each node a place and keeps the places that were given before.

    Inputs: `nodes` (names), `places` (ids of subnets or zones), `given` (place by node). Output besides: `assigned`
    (place by node).
    """

    type: ClassVar[str] = "etcd:index:Placement"

    async def check(self, urn: str, old: Properties, new: Properties) -> tuple[Properties, Sequence[Failure]]:
        """Assign; while a place is unknown, only the nodes that have theirs already are certain."""
        before: dict[str, Any] = old.get("assigned") or {}
        if has_unknown(new):
            names = [name for name in new["nodes"] if isinstance(name, str)] if isinstance(new["nodes"], list) else []
            return {**new, "assigned": {name: before.get(name, UNKNOWN) for name in names}}, ()
        try:
            assigned = assign(new["nodes"], new["places"], new["given"], before)
        except ClusterError as error:
            return {**new, "assigned": before}, [Failure("places", str(problem)) for problem in error.problems]
        return {**new, "assigned": assigned}, ()

    async def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Remember."""
        return "placement", inputs

    async def update(self, urn: str, state: Properties, inputs: Properties) -> Properties:
        """Remember."""
        return inputs
