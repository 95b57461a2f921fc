"""The health check of a cluster that a program in another language has."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from etcd_cluster import health
from etcd_cluster.errors import ClusterError
from etcd_cluster.specs.address import Address
from etcd_cluster.specs.member import Member
from provider.resource import Properties, Resource
from provider.values import UNKNOWN

_OUTPUTS = ("members", "leader", "version", "healthy")


class ClusterHealth(Resource):
    """`etcd:index:ClusterHealth`: a linearizable answer from every member, and who leads.

    It does what the dynamic resource of `components.cluster_health` does, which needs a program in Python.
    Inputs: `connections` and `targets` (the members) by node name, `steps` (how many Rollout ever took), `seconds`.
    Outputs besides: `members`, `leader`, `version`, `healthy`.
    """

    type: ClassVar[str] = "etcd:index:ClusterHealth"

    async def diff(self, state: Properties, inputs: Properties) -> Sequence[str]:
        """Also check again where a refresh saw a member that is not healthy."""
        changed = await super().diff(state, inputs)
        return changed or ([] if state.get("healthy", True) else ["healthy"])

    def planned(self, state: Properties, inputs: Properties) -> Properties:
        """What the check sees is known after it."""
        return {**state, **inputs, **dict.fromkeys(_OUTPUTS, UNKNOWN)}

    async def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Wait until every member gives a linearizable answer."""
        return "health", await self._wait(inputs)

    async def update(self, urn: str, state: Properties, inputs: Properties) -> Properties:
        """Check again, because Rollout took steps or a setting changed; else look once, and do not fail."""
        return await (self._wait if await super().diff(state, inputs) else self._look)(inputs)

    async def read(self, urn: str, state: Properties) -> Properties:
        """Look once; it never fails, since an unreachable member is a value."""
        return await self._look(state)

    async def _wait(self, inputs: Properties) -> Properties:
        addresses, members = _parts(inputs)
        return {**inputs, **health.summary(await health.wait(addresses, members, inputs["seconds"]))}

    async def _look(self, inputs: Properties) -> Properties:
        addresses, members = _parts(inputs)
        try:
            seen = await health.check(addresses, members, inputs["seconds"])
        except ClusterError as error:
            seen = [
                health.MemberHealth(name, "", member.client_url, healthy=False, error=str(error.problems[0].what))
                for name, member in members.items()
            ]
        return {**inputs, **health.summary(seen)}


def _parts(inputs: Mapping[str, Any]) -> tuple[dict[str, Address], dict[str, Member]]:
    # A map has no order on its way through the engine; the outputs keep one.
    addresses = {name: Address.from_inputs(each) for name, each in sorted(inputs["connections"].items())}
    return addresses, {name: Member.from_inputs(each) for name, each in sorted(inputs["targets"].items())}
