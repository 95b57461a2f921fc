"""The look at settings, hosts and cluster before any host is touched: what cannot be done safely fails here."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from etcd import planning, preflight
from etcd.errors import ClusterError, Problem, Unreachable
from etcd.member import Member
from etcd.observation import HostFacts
from etcd.planning import Target, TargetMember
from plugin.resource import Failure, Properties, Resource
from plugin.values import has_unknown


class Preflight(Resource):
    """`etcd:index:Preflight`: its check observes and plans, in every preview and every up.

    Inputs: `connections` and `members` by node name, `architectures` (expected, by node name), `checksums` (by
    architecture), `source`, `stack`, `command_seconds`, `clock_seconds`. The check adds `owner`, the random id of
    the cluster in this stack, and the host keys that were trusted at first use.
    """

    type: ClassVar[str] = "etcd:index:Preflight"

    async def check(self, urn: str, old: Properties, new: Properties) -> tuple[Properties, Sequence[Failure]]:
        """Complete the inputs and refuse what cannot be done safely; with unknown addresses, create looks later."""
        inputs = {**new, "owner": old.get("owner") or secrets.token_hex(8)}
        if has_unknown(new):
            return inputs, ()
        inputs["connections"] = self._with_known_keys(old, new)
        try:
            inputs["connections"] = await self._examine(urn, inputs, claimed="owner" in old)
        except ClusterError as error:
            return inputs, [Failure("", str(problem)) for problem in error.problems]
        return inputs, ()

    async def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Look once more, now that every address is known."""
        connections = await self._examine(urn, inputs, claimed=False)
        return inputs["owner"], {**inputs, "connections": connections}

    async def update(self, urn: str, state: Properties, inputs: Properties) -> Properties:
        """Look once more, now that every address is known."""
        connections = await self._examine(urn, inputs, claimed=True)
        return {**inputs, "connections": connections}

    @staticmethod
    def _with_known_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> Properties:
        """Keep a host key that was trusted at first use, as long as the host is the same."""
        known = old.get("connections", {})
        connections: Properties = {}
        for name, connection in new["connections"].items():
            before = known.get(name, {})
            same = all(before.get(key) == connection[key] for key in ("host", "port"))
            kept = before.get("host_key") if same else None
            connections[name] = {**connection, "host_key": connection.get("host_key") or kept}
        return connections

    async def _examine(self, urn: str, inputs: Properties, claimed: bool) -> Properties:
        """Look at all hosts, raise for what is wrong, and return the connections with the keys that were seen."""
        if path := preflight.stale_agent_problem():
            raise ClusterError(path)
        members = {name: Member.from_inputs(each) for name, each in inputs["members"].items()}

        async def look(name: str) -> HostFacts | ClusterError:
            try:
                return await self.context.look(
                    name, inputs["connections"][name], members[name], inputs["command_seconds"]
                )
            except ClusterError as error:
                return error

        looks = dict(zip(members, await asyncio.gather(*(look(name) for name in members)), strict=True))
        facts = {name: seen for name, seen in looks.items() if isinstance(seen, HostFacts)}
        down = {name: seen.problems[0] for name, seen in looks.items() if isinstance(seen, Unreachable)}
        problems: list[Problem] = []
        for seen in looks.values():
            if isinstance(seen, ClusterError) and not isinstance(seen, Unreachable):
                problems += seen.problems
        expected = preflight.Expectation(
            owner=inputs["owner"] if claimed else None,
            checksums=inputs["checksums"],
            source=inputs["source"],
            clock_seconds=inputs["clock_seconds"],
        )
        for name, host in facts.items():
            problems += preflight.host_problems(members[name], host, inputs["architectures"].get(name), expected)
        if problems:
            raise ClusterError(*problems, *down.values())
        await self._plan(urn, members, {**facts, **down})
        return await self._with_seen_keys(inputs["connections"], facts)

    async def _plan(self, urn: str, members: Mapping[str, Member], observed: planning.Observed) -> None:
        """Plan as Rollout will, without the restarts: what is staged is not known yet."""
        targets = {}
        for name, member in members.items():
            seen = observed[name]
            revision = (seen.running_revision or "") if isinstance(seen, HostFacts) else ""
            certificates = seen.active_certificates if isinstance(seen, HostFacts) else ""
            targets[name] = TargetMember(member, revision, certificates)
        plan = planning.plan(observed, Target(targets))
        for warning in plan.warnings:
            await self.warn(urn, warning)

    async def _with_seen_keys(self, connections: Mapping[str, Any], facts: Mapping[str, HostFacts]) -> Properties:
        async def complete(name: str) -> Any:
            connection = connections[name]
            if connection.get("host_key") or name not in facts:
                return connection
            session = await self.context.session(name, connection)
            return {**connection, "host_key": session.host_key}

        return {name: await complete(name) for name in connections}
