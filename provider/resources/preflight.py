"""The look at settings, hosts and cluster before any host is touched: what cannot be done safely fails here."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from etcd_cluster import planning
from etcd_cluster.certificates import former_addresses, pem, rotation
from etcd_cluster.convergence import confirmation
from etcd_cluster.convergence.unobserved_members import ask_unobserved_members
from etcd_cluster.ec2 import layout
from etcd_cluster.errors import ClusterError, Problem, Unreachable
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning import Attempt, Target, TargetMember
from etcd_cluster.preflight import host_checks, peer_ports, trust_changes
from etcd_cluster.rendering.config_diff import changes
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh import agent
from etcd_cluster.ssh.session import Address, as_text
from provider.resource import Context, Failure, Properties, Resource
from provider.values import has_unknown

_PENDING = "pending"
_ONLY_REMEMBERED = frozenset({"cluster_id", "born", "certificates", "hosts", "trial_start"})


def _born(facts: Mapping[str, HostFacts]) -> set[str]:
    """Return the nodes that have had a member, as far as the hosts and the member list tell."""
    bootstrapped = {name: host for name, host in facts.items() if host.bootstrapped}
    listed = {entry.name for host in facts.values() for entry in host.members}
    first = {name for host in bootstrapped.values() for name in Attempt.parse(host.attempt or "").names}
    return (bootstrapped.keys() | listed | first) - {""}


class _Unconfirmed(planning.Refusal):
    """A refusal that rests on members that did not answer at one look."""


class Preflight(Resource):
    """`etcd:index:Preflight`: its check observes and plans, in every preview and every up.

    Inputs: `connections` and `members` by node name, `replaces` and `restored_cluster_id` (see Rollout),
    `authorities` and `certificates` (see `rotation`), `architectures` (expected, by node name), `checksums`
    (by architecture), `source`, `stack`, `command_seconds`, `clock_seconds`, `trial_start` (whether Rollout makes one),
    `hosts` (the setting). The check adds `owner`, the random id of the cluster in this stack, `cluster_id` once there
    is one, `born`, the nodes that have had a member, to `members` their former addresses (see
    `certificates.former_addresses`), and to `connections` the host keys that were trusted at first use.
    """

    type: ClassVar[str] = "etcd:index:Preflight"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._told: set[str] = set()

    async def _tell_once(self, urn: str, message: str, *, warning: bool = False) -> None:
        """Tell what the check found, but not again when create or update find the same.

        It goes by the text: two problems of one node with one reason, as two drop-ins are, are both told.
        """
        if message not in self._told:
            self._told.add(message)
            await (self.warn if warning else self.say)(urn, message)

    async def check(self, urn: str, old: Properties, new: Properties) -> tuple[Properties, Sequence[Failure]]:
        """Complete the inputs and refuse what cannot be done safely; with unknown addresses, create looks later."""
        inputs = {
            **new,
            "owner": old.get("owner") or secrets.token_hex(8),
            "cluster_id": new.get("restored_cluster_id") or old.get("cluster_id") or "",
            # A program that did not note this yet had all of its nodes in the cluster, as far as it knew.
            "born": list(old["born"] if "born" in old else old.get("members", {})),
        }
        if problem := layout.other_hosts(old.get("hosts", ""), new.get("hosts", "")):
            return inputs, [Failure("hosts", str(problem))]
        if has_unknown(new):
            return inputs, ()
        inputs["connections"] = self._with_known_keys(old, new)
        try:
            inputs["connections"], inputs["cluster_id"] = await self._examine(urn, inputs, old)
        except ClusterError as error:
            return inputs, [Failure("", str(problem)) for problem in error.problems]
        return inputs, ()

    async def diff(self, state: Properties, inputs: Properties) -> Sequence[str]:
        """Learning the cluster's id, or who has come to life, is no change; it is saved with the unchanged resource.

        Nor is whether a later change begins with a trial start, another spelling of the same CAs, or what only CAs that
        are yet to be made are made from.
        """
        changed = [key for key in await super().diff(state, inputs) if key not in _ONLY_REMEMBERED]
        if "authorities" in changed and "authorities" in state:
            before, after = (rotation.understood(each["authorities"]) for each in (state, inputs))
            changed = [key for key in changed if key != "authorities" or before != after]
        return changed

    async def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Look once more, now that every address is known; where it replaces a Preflight, with what that one knew."""
        connections, cluster_id = await self._examine(urn, inputs, self.context.run.read.get(urn, {}))
        return inputs["owner"], {**inputs, "connections": connections, "cluster_id": cluster_id}

    async def update(self, urn: str, state: Properties, inputs: Properties) -> Properties:
        """Look once more, now that every address is known."""
        connections, cluster_id = await self._examine(urn, inputs, state)
        return {**inputs, "connections": connections, "cluster_id": cluster_id}

    async def _warn_of_agent(self, urn: str, connections: Mapping[str, Any]) -> None:
        """Say where the command plugin, which offers all keys of the agent, may not come to the chosen one."""
        chosen = {each["agent_key"] for each in connections.values() if each.get("agent_key")}
        if chosen and (warning := agent.warning(await agent.held(), chosen.pop())):
            await self._tell_once(urn, warning, warning=True)

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

    async def _examine(self, urn: str, inputs: Properties, before: Mapping[str, Any]) -> tuple[Properties, str]:
        """Look at all hosts, raise for what is wrong; return the connections with the keys that were seen, and the
        id of the cluster that is known by now.

        `before` are the inputs of the last time; the nodes that only they have are leaving.
        """
        if problem := host_checks.stale_agent_problem():
            raise ClusterError(problem)
        await self._warn_of_agent(urn, inputs["connections"])
        members = {name: Member.from_inputs(each) for name, each in inputs["members"].items()}
        left = {name: each for name, each in before.get("members", {}).items() if name not in members}
        leaving = {name: Member.from_inputs(each) for name, each in left.items() if not has_unknown(each)}
        connections = {**{name: before["connections"][name] for name in leaving}, **inputs["connections"]}
        looks = await self._looks(connections, {**leaving, **members}, inputs["command_seconds"])
        facts = {name: host for name, host in looks.items() if isinstance(host, HostFacts)}
        down = {name: host.problems[0] for name, host in looks.items() if isinstance(host, Unreachable)}
        bootstrapped = _born(facts).union(inputs.get("born", ()))
        inputs["born"] = sorted(bootstrapped & members.keys())
        if inputs.get("certificates", {}).get("keep_former_addresses"):
            earlier = {name: each for name, each in before.get("members", {}).items() if name in inputs["born"]}
            members = former_addresses.with_former(earlier, members, facts, inputs["born"])
            inputs["members"] = {
                name: former_addresses.noted(inputs["members"][name], member) for name, member in members.items()
            }
        # Nobody relies on the CAs of a cluster that has never served; where all its nodes leave, it has.
        if bootstrapped and (parting := trust_changes.problems(before, inputs, facts)):
            raise ClusterError(*parting)
        made_from = rotation.kept(before.get("certificates", {}), inputs.get("certificates", {}), inputs["authorities"])
        for line in made_from:
            await self._tell_once(urn, line)
        if bootstrapped:
            for line in trust_changes.lost_names(before, inputs):
                await self._tell_once(urn, line, warning=True)
        problems = [
            problem
            for name, host in looks.items()
            if isinstance(host, ClusterError) and name not in down and name in members
            for problem in host.problems
        ]
        owner = inputs["owner"] if "owner" in before else self._recognised(inputs, members, facts)
        if owner and "owner" not in before:
            inputs["owner"] = owner
            await self.warn(urn, "The state knows no cluster, but the hosts carry this stack's; it is adopted")
        expected = host_checks.Expectation(
            owner=owner,
            checksums=inputs["checksums"],
            source=inputs["source"],
            clock_seconds=inputs["clock_seconds"],
            stack=inputs["stack"],
        )
        for name, member in members.items():
            if name in facts:
                architecture = inputs["architectures"].get(name)
                problems += host_checks.host_problems(member, facts[name], architecture, expected)
                for warning in host_checks.host_warnings(member, facts[name]):
                    await self._tell_once(urn, str(warning), warning=True)
        if problems:
            raise ClusterError(*problems, *(problem for name, problem in down.items() if name in members))

        found = await self._ways(connections, members, facts)
        if found and not inputs["born"]:
            raise ClusterError(*found)
        for problem in found:
            await self._tell_once(urn, str(problem), warning=True)

        async def plan() -> None:
            target = self._target(
                members,
                leaving,
                facts,
                inputs["replaces"],
                frozenset(inputs["born"]),
                inputs["cluster_id"] or None,
                bool(inputs.get("trial_start")),
            )
            await self._plan(urn, target, connections, {**facts, **down}, inputs["command_seconds"])

        try:
            await plan()
        except _Unconfirmed as refusal:
            seconds = confirmation.election_seconds(members.values())
            await self.say(
                urn, f"Looking once more in {seconds:.0f} s, since this may pass: {refusal.problems[0].what}"
            )
            await asyncio.sleep(seconds)
            self.context.forget_looks()
            again = await self._looks(connections, {**leaving, **members}, inputs["command_seconds"])
            facts.update({name: host for name, host in again.items() if name in facts and isinstance(host, HostFacts)})
            await plan()
        # The id of a bootstrap that was not recorded yet is none to hold on to: it may be begun again.
        told = (host.status.cluster_id for host in facts.values() if host.status and not planning.is_unrecorded(facts))
        known = inputs["cluster_id"] or next(told, "")
        return await self._with_seen_keys(inputs["connections"], facts), known

    @staticmethod
    def _recognised(inputs: Properties, members: Mapping[str, Member], facts: Mapping[str, HostFacts]) -> str | None:
        """Return the owner that the hosts' stamps name, when it is certain that they are this stack's.

        The stack's name is no proof, since two people may use the same one; that the settings hold the CAs is.
        """
        stamps = {name: facts[name].stamp for name in members if name in facts and facts[name].stamp}
        owners = {stamp.cluster for stamp in stamps.values() if stamp}
        own = all(stamp and stamp.stack == inputs["stack"] and stamp.node == name for name, stamp in stamps.items())
        running = [host.loaded_trust for name, host in facts.items() if name in stamps and host.loaded_trust]
        if len(owners) != 1 or not own or not running:
            return None
        texts = {purpose: "".join(each["texts"]) for purpose, each in inputs["authorities"].items()}
        shown = pem.trust(texts["client"], texts["peer"], "", "")
        proven = all(
            trust.server_issuer in shown.client_bundle and trust.peer_issuer in shown.peer_bundle for trust in running
        )
        return owners.pop() if proven else None

    async def _ways(
        self, connections: Mapping[str, Any], members: Mapping[str, Member], facts: Mapping[str, HostFacts]
    ) -> list[Problem]:
        """Return which hosts do not reach each other's peer ports, where a member is yet to start."""
        if peer_ports.are_known(facts):
            return []
        names = [name for name in members if name in facts]
        sessions = [await self.context.session(name, connections[name]) for name in names]
        return await peer_ports.problems(dict(zip(names, sessions, strict=True)), members, facts)

    async def _looks(
        self, connections: Mapping[str, Any], nodes: Mapping[str, Member], seconds: int
    ) -> dict[str, HostFacts | ClusterError]:
        async def look(name: str) -> HostFacts | ClusterError:
            try:
                return await self.context.look(name, connections[name], nodes[name], seconds)
            except ClusterError as error:
                return error

        return dict(zip(nodes, await asyncio.gather(*(look(name) for name in nodes)), strict=True))

    @staticmethod
    def _target(
        members: Mapping[str, Member],
        leaving: Mapping[str, Member],
        facts: Mapping[str, HostFacts],
        replaces: Mapping[str, str],
        known: frozenset[str],
        cluster_id: str | None,
        trial_start: bool,
    ) -> Target:
        """Return the target as far as it is known before anything is staged: which members must restart."""
        targets = {}
        for name, member in members.items():
            host = facts.get(name, HostFacts())
            revision = _PENDING if changes(member, host) else host.running_revision or host.active_revision
            targets[name] = TargetMember(member, revision, host.active_certificates, replaces.get(name))
        return Target(targets, cluster_id, leaving, known, trial_start)

    async def _plan(
        self, urn: str, target: Target, connections: Mapping[str, Any], observed: planning.Observed, seconds: int
    ) -> None:
        """Plan as Rollout will, and refuse what it would refuse; Rollout's own check lists the steps."""
        nodes = {**target.leaving, **{name: wanted.member for name, wanted in target.members.items()}}
        addresses = {name: Address.from_inputs(each) for name, each in connections.items()}
        observed = planning.without_foreign_hosts(observed, target)
        answers = await ask_unobserved_members(self.context.pool, addresses, nodes, observed, seconds)
        facts = {name: host for name, host in observed.items() if isinstance(host, HostFacts)}
        try:
            plan = planning.plan(observed, target, answers.answering, unclear=answers.unclear)
        except planning.Refusal as refusal:
            broken = [name for name, host in facts.items() if planning.cannot_ask(host) and not host.binaries_whole]
            if broken:
                await self._tell_once(
                    urn,
                    f"{as_text(broken)} cannot be asked: the programs of etcd there were changed or removed. They are "
                    "installed again in this run, and what is due after that is planned then",
                    warning=True,
                )
                return
            raise (
                _Unconfirmed(*refusal.problems)
                if confirmation.may_be_transient(target, facts, answers.may_run)
                else refusal
            ) from None
        for warning in plan.warnings:
            await self._tell_once(urn, str(warning), warning=True)

    async def _with_seen_keys(self, connections: Mapping[str, Any], facts: Mapping[str, HostFacts]) -> Properties:
        async def complete(name: str) -> Any:
            connection = connections[name]
            if connection.get("host_key") or name not in facts:
                return connection
            session = await self.context.session(name, connection)
            return {**connection, "host_key": session.host_key}

        return {name: await complete(name) for name in connections}
