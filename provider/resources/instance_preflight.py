"""The look at the members before the engine replaces an instance, and the orderly stop of its member."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from etcd_cluster import lease
from etcd_cluster.convergence.unobserved_members import ask_unobserved_members
from etcd_cluster.ec2 import layout, replacement
from etcd_cluster.errors import Cancelled, ClusterError, Problem, Unreachable
from etcd_cluster.execution import Deadlines, Operations
from etcd_cluster.execution.members import stop
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning import Observed, Target, TargetMember
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh.session import Address, Session
from provider.resource import Failure, Properties, Resource
from provider.values import UNKNOWN, has_unknown

_VOLUMES = 0
_REMEMBERED = frozenset({"instances", "volumes", "vpc_cidr"})


class InstancePreflight(Resource):
    """`etcd:index:InstancePreflight`: every instance depends on it, so it ends before the engine touches one.

    Inputs: `generations` (volumes' and instance's, by node), `connections` and `members` by node, `command_seconds`,
    `shutdown_seconds`; `instances` (ids of the instances that EC2 has, by node), `volumes` (mount point and id named
    in the settings, by node and purpose), `vpc_cidr` (empty without a VPC of its own). Its check refuses more than one
    replaced instance, one that the cluster cannot spare, and volumes that change under an instance that stays; its
    update stops the member of an instance whose volumes move along. Nodes that come or go are no business of it, nor
    are those that never had an instance.
    """

    type: ClassVar[str] = "etcd:index:InstancePreflight"

    async def check(self, urn: str, old: Properties, new: Properties) -> tuple[Properties, Sequence[Failure]]:
        """Judge the replacement, if there is one, in every preview and every up."""
        new = {**new, "instances": _ever(old, new)}
        try:
            names = self._changed(old, new)
            problems: Sequence[Problem] = _refused(old, new, names)
            for name in names if not problems else ():
                for warning in (await self._judge(name, old, new))[0].warnings:
                    await self.warn(urn, warning)
        except ClusterError as error:
            problems = error.problems
        return new, [Failure("", str(problem)) for problem in problems]

    async def diff(self, state: Properties, inputs: Properties) -> Sequence[str]:
        """Leave out what is only remembered: the engine keeps it as an input, and no update is shown for it."""
        return [key for key in await super().diff(state, inputs) if key not in _REMEMBERED]

    async def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """There is no member yet that could be cut off."""
        return "instances", inputs

    async def update(self, urn: str, state: Properties, inputs: Properties) -> Properties:
        """Judge again, then stop the member; a run that was killed after this finds it stopped, and goes on."""
        for name in self._changed(state, inputs):
            self.context.forget_looks()
            _, observed = await self._judge(name, state, inputs)
            if list(state["generations"][name])[_VOLUMES] == list(inputs["generations"][name])[_VOLUMES]:
                await self._stop(urn, name, observed, state, inputs)
            self.context.forget_looks()
        return inputs

    @staticmethod
    def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
        """Return the nodes whose instance is to be replaced; `new` is what a check returned."""
        if has_unknown(new["generations"]):
            return []
        before = {node: each for node, each in old.get("generations", {}).items() if new["instances"].get(node) != []}
        return replacement.changed(before, new["generations"])

    async def _judge(
        self, name: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> tuple[replacement.Judgement, Observed]:
        members = _members(old)
        connections = _connections(old, new)
        seconds = new["command_seconds"]

        async def look(node: str) -> HostFacts | Problem:
            try:
                return await self.context.look(node, connections[node], members[node], seconds)
            except ClusterError as error:
                # A host that is to be replaced may be broken in any way.
                if node != name and not isinstance(error, Unreachable):
                    raise
                return error.problems[0]

        host = await asyncio.gather(*(look(node) for node in members))
        observed = dict(zip(members, host, strict=True))
        addresses = {node: Address.from_inputs(each) for node, each in connections.items()}
        answers = await ask_unobserved_members(self.context.pool, addresses, members, observed, seconds)
        return replacement.judge(name, members, observed, answers), observed

    async def _stop(
        self, urn: str, name: str, observed: Observed, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> None:
        facts = {node: host for node, host in observed.items() if isinstance(host, HostFacts)}
        if name not in facts or not facts[name].is_running:
            return
        if self.context.cancelled.is_set():
            raise Cancelled(
                Problem(
                    Reason.CANCELLED,
                    name,
                    "stopped as asked, before its member was",
                    "Run `pulumi up` again to go on from here",
                )
            )
        members, connections = _members(old), _connections(old, new)
        sessions: dict[str, Session] = {
            node: await self.context.session(node, connections[node]) for node in members if node in facts
        }

        async def say(message: str) -> None:
            await self.say(urn, message)

        command = new["command_seconds"]
        deadlines = Deadlines(
            command=command,
            bootstrap=command,
            member_start=command,
            catch_up=command,
            shutdown=new["shutdown_seconds"],
            clock_wait=command,
        )
        target = Target({node: TargetMember(member, "", "") for node, member in members.items()})
        await say(f"Stopping {name} before its instance is replaced")
        async with lease.held(sessions, len(members), f"run-{secrets.token_hex(6)}", command) as hold:
            await stop(Operations(sessions, target, hold, deadlines, None, say, None, facts), name)


def _ever(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the instances of each node, or those that it had last: a lost one was there once."""
    found = new["instances"] if isinstance(new["instances"], dict) else {}
    nodes = new["generations"] if isinstance(new["generations"], dict) else found
    result: dict[str, Any] = {}
    for node in nodes:
        now = found.get(node, UNKNOWN)
        if not now or has_unknown(now):
            now = old.get("instances", {}).get(node) or now
        result[node] = now
    return result


def _refused(old: Mapping[str, Any], new: Mapping[str, Any], replaced: Sequence[str]) -> list[Problem]:
    """Return why volumes, VPC or instances cannot be as wanted; `replaced` are the nodes whose instance is replaced."""
    if "generations" in old and "volumes" not in old:
        # An earlier version of this program wrote the state, without what the engine compares to replace an instance.
        return replacement.not_yet(replacement.changed(old["generations"], new["generations"]))
    problems = layout.other_vpc(old.get("vpc_cidr", ""), new["vpc_cidr"])
    for node, each in old.get("volumes", {}).items():
        if node not in new["volumes"] or new["instances"].get(node) == []:
            continue
        (volumes, generation), wanted = old["generations"][node], new["generations"][node]
        if wanted[_VOLUMES] != volumes:
            continue
        before, after = (
            {purpose: layout.NodeVolume.from_inputs(one) for purpose, one in known.items()}
            for known in (each, new["volumes"][node])
        )
        problems += layout.moved(
            node,
            {purpose: one.mount_point for purpose, one in before.items()},
            {purpose: one.mount_point for purpose, one in after.items()},
        )
        if node not in replaced:
            problems += layout.exchanged(node, before, after, int(generation))
    return problems


def _members(old: Mapping[str, Any]) -> dict[str, Member]:
    """Return the members that had a host before this run, those that leave in it included."""
    return {name: Member.from_inputs(each) for name, each in old["members"].items() if not has_unknown(each)}


def _connections(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return how these hosts are reached: as the settings say by now, where that is still the same host."""
    connections = dict(old["connections"])
    for name, connection in new["connections"].items() if isinstance(new["connections"], dict) else ():
        before = connections.get(name)
        if before and not has_unknown(connection) and _place(before) == _place(connection):
            connections[name] = connection
    return connections


def _place(connection: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(connection.get(key) for key in ("host", "port", "host_key"))
