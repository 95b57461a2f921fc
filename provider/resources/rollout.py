"""The one resource that changes the running cluster: it brings it to what is staged, one safe step at a time."""

import asyncio
import datetime
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar

from etcd_cluster import lease, scripts
from etcd_cluster.certificates import former_addresses
from etcd_cluster.convergence import loop
from etcd_cluster.convergence.loop import RolloutContext
from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.execution import Deadlines, Snapshots
from etcd_cluster.planning import Refusal, Target, TargetMember
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.member import Member
from etcd_cluster.ssh.session import Address, Session
from provider.preview import LATER, foreseen, unstaged, without_unknown_names
from provider.resource import Failure, Properties, Resource
from provider.run import machine
from provider.values import UNKNOWN, has_unknown

_STATE = ("cluster_id", "member_ids", "steps", "running")
_NO_CHANGE = frozenset({"valid_from", "trial_seconds"})
# What only a destroy reads.
_FOR_DESTROY = frozenset({"abandon_unreachable"})
_UNCHECKED = Problem(
    Reason.PARTIAL_RUN,
    "cluster",
    "Preflight is left out of this run by `--target` or `--exclude`, so nothing looked at what the change would do",
    "Run `pulumi up` without them",
)


def _target(inputs: Mapping[str, Any], state: Mapping[str, Any]) -> Target:
    members = {
        name: TargetMember(
            Member.from_inputs(member), member["revision"], member["certificates"], inputs["replaces"].get(name)
        )
        for name, member in inputs["members"].items()
    }
    before = state.get("members", {})
    leaving = {name: Member.from_inputs(member) for name, member in before.items() if name not in members}
    return Target(
        members,
        inputs.get("restored_cluster_id") or state.get("cluster_id"),
        leaving,
        frozenset(before),
        bool(inputs.get("trial_seconds")),
    )


def _snapshots(inputs: Mapping[str, Any]) -> Snapshots | None:
    given = inputs["snapshots"]
    if not given["before_upgrade"]:
        return None
    return Snapshots(given["dir"], given["keep"], given["reserve_megabytes"])


def _deadlines(inputs: Mapping[str, Any]) -> dict[str, int]:
    given = {**inputs["deadlines"], "trial_start": inputs.get("trial_seconds") or 0}
    return {field.name: int(given[field.name]) for field in fields(Deadlines)}


def _wanted(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {"revision": member["revision"], "certificates": member["certificates"]}
        for name, member in inputs["members"].items()
    }


class Rollout(Resource):
    """`etcd:index:Rollout`: bootstrap, repair, rolling restart, upgrade, members that join, move and leave.

    Inputs: `connections` and `members` by node name (a member with its `revision` and `certificates`), `host_ids`,
    `replaces` (ids of dead members whose place an empty one may take), `valid_from` (when the newest certificate
    becomes valid), `deadlines`, `trial_seconds` (the deadline of a trial start, 0 for none), `snapshots`, `token`,
    `restored_cluster_id` (the id that counts in place of the one
    in the state, after a restore by hand), `abandon_unreachable`.
    Outputs besides: `cluster_id`, `member_ids`, `steps` (how many were ever taken) and `running`, what each member
    uses. Ids are hexadecimal strings: a number in Pulumi is a double and cannot hold them.
    """

    type: ClassVar[str] = "etcd:index:Rollout"

    async def check(self, urn: str, old: Properties, new: Properties) -> tuple[Properties, Sequence[Failure]]:
        """List the steps that a change will take; refuse one that no Preflight of this run has looked at."""
        if isinstance(new["members"], Mapping):
            new = {**new, "members": former_addresses.without_empty(new["members"])}
        changed = {key for key, value in new.items() if old.get(key) != value and key not in _NO_CHANGE}
        state = self._known(urn, old)
        if changed - _FOR_DESTROY or ("running" in state and state["running"] != _wanted(new)):
            if not self.context.run.wanted("etcd:index:Preflight"):
                return new, [Failure("", str(_UNCHECKED))]
            if problems := unstaged(self.context, new, state):
                return new, [Failure("", str(problem)) for problem in problems]
            try:
                await self._list(urn, new, state)
            except Refusal as refusal:
                return new, [Failure("", str(problem)) for problem in refusal.problems]
        return new, ()

    def _known(self, urn: str, old: Mapping[str, Any]) -> Properties:
        """Return what the stack knows of the cluster, also where Rollout's own state was lost or not refreshed."""
        ids = {each["cluster_id"] for each in self.context.run.wanted("etcd:index:Preflight") if each.get("cluster_id")}
        found = {"cluster_id": ids.pop()} if len(ids) == 1 else {}
        return {**found, **old, **self.context.run.read.get(urn, {})}

    async def _list(self, urn: str, inputs: Properties, state: Properties) -> None:
        """Tell the steps that are due, as `_converge` will take them; raises `Refusal`."""
        known = without_unknown_names(inputs)
        if known is None:
            await self.say(urn, LATER.text)
            return
        connections = {**state.get("connections", {}), **known["connections"]}
        seconds = known["deadlines"]["command"]
        found = await foreseen(
            self.context, _target(known, state), connections, seconds, is_first=not state.get("members")
        )
        if found.text:
            await self.say(urn, found.text)
        for warning in found.warnings:
            await self.warn(urn, warning)

    async def diff(self, state: Properties, inputs: Properties) -> Sequence[str]:
        """Also act when a member does not use what is staged for it, and when directories have been left."""
        changed = [key for key in await super().diff(state, inputs) if key not in _NO_CHANGE]
        if not changed and (state.get("running") != _wanted(inputs) or self._takes_directories_back()):
            changed = ["running"]
        return changed

    def _takes_directories_back(self) -> bool:
        """Tell whether a host was prepared for other directories than it is to have by now."""
        members = [each["member"] for each in self.context.run.known("etcd:index:Host")]
        before = {each["name"]: each["paths"] for each in members}
        wanted = [each["member"] for each in self.context.run.wanted("etcd:index:Host")]
        known = [each for each in wanted if isinstance(each, Mapping) and not has_unknown(each)]
        return any(before.get(each["name"], each["paths"]) != each["paths"] for each in known)

    def planned(self, state: Properties, inputs: Properties) -> Properties:
        """How many steps it takes shows only on the way."""
        unknown = {"cluster_id": UNKNOWN, "member_ids": UNKNOWN, **state, "steps": UNKNOWN, "running": UNKNOWN}
        return {**unknown, **inputs}

    async def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Bootstrap the cluster, or resume the one whose data all hosts hold.

        Where it takes the place of a former Rollout, it goes on from what that one knew.
        """
        former = self.context.run.read.get(urn)
        if former and not await self.diff(dict(former), inputs):
            return former["cluster_id"], {**former, **inputs}
        outputs = await self._converge(urn, inputs, self._known(urn, {}))
        return outputs["cluster_id"], outputs

    async def update(self, urn: str, state: Properties, inputs: Properties) -> Properties:
        """Bring the running cluster to what is staged, unless nothing changed but how it is to be destroyed."""
        if set(await self.diff(state, inputs)) == _FOR_DESTROY and state["running"] == _wanted(inputs):
            return {**state, **inputs}
        return await self._converge(urn, inputs, state)

    async def read(self, urn: str, state: Properties) -> Properties:
        """See what each member uses; a host that cannot be reached keeps its last value."""

        async def look(name: str) -> Any:
            member = Member.from_inputs(state["members"][name])
            seconds = state["deadlines"]["command"]
            try:
                host = await self.context.look(name, state["connections"][name], member, seconds)
            except ClusterError:
                return state["running"].get(name)
            # One of another cluster was restored by hand, or its disk was swapped; the update says what to do.
            foreign = host.status is not None and host.status.cluster_id != state["cluster_id"]
            odd = host.uninstalled or host.is_switched or host.is_unproven or host.has_former or foreign
            revision = host.running_revision if host.is_active and not odd else ""
            return {"revision": revision or "", "certificates": host.active_certificates}

        names = list(state["members"])
        running = dict(zip(names, await asyncio.gather(*(look(name) for name in names)), strict=True))
        return {**state, "running": running}

    async def delete(self, urn: str, state: Properties) -> None:
        """Stop all members, in a destroy or where the cluster left the program; their data stays.

        A former Rollout whose hosts another one has by now is only forgotten: it never stops what that one runs.
        """
        machines = {machine(connection) for connection in state["connections"].values()}
        for wanted in self.context.run.wanted(self.type):
            if machines & {machine(connection) for connection in wanted["connections"].values()}:
                return
        self._refuse_part(state)
        self.context.destroying = True
        sessions: dict[str, Session] = {}
        unreachable: list[Problem] = []
        for name, connection in state["connections"].items():
            try:
                session = await self.context.session(name, connection)
                # One that hangs could not be stopped either, and would keep the others from the lease.
                await session.run("true", seconds=state["deadlines"]["command"])
                sessions[name] = session
            except ClusterError as error:
                unreachable += error.problems
        if unreachable and not state["abandon_unreachable"]:
            raise ClusterError(
                *unreachable,
                Problem(
                    Reason.HOST_NOT_CLEARED,
                    "destroy",
                    "nothing was stopped",
                    "Bring the hosts back, or give them up with `abandon_unreachable` (docs/remove.md), "
                    "then destroy again",
                ),
            )
        holder = f"run-{secrets.token_hex(6)}"
        async with lease.held(sessions, len(sessions), holder, state["deadlines"]["command"]):
            await asyncio.gather(*(self._stop(urn, name, session, state) for name, session in sessions.items()))
        self.context.forget_looks()

    def _refuse_part(self, state: Properties) -> None:
        """Refuse a destroy with `--target`: it would stop all members and leave most of the stack."""
        run = self.context.run
        hosts = {machine(each["connection"]) for each in run.known("etcd:index:Host")}
        whole = run.known("etcd:index:Preflight") or hosts.issuperset(map(machine, state["connections"].values()))
        if run.read and not whole:
            raise ClusterError.of(
                Reason.PARTIAL_RUN,
                "destroy",
                "only a part of the stack is to be destroyed, which would stop every member; nothing was stopped",
                "To remove a node, take it out of `nodes` and run `pulumi up`; to remove the cluster, run "
                "`pulumi destroy` without `--target`",
            )

    async def _stop(self, urn: str, name: str, session: Session, state: Properties) -> None:
        config = Member.from_inputs(state["members"][name]).layout.config_dir
        seconds = state["deadlines"]["command"] + state["deadlines"]["shutdown"]
        try:
            await session.run(scripts.script("stop", config=config, host_id=state["host_ids"][name]), seconds=seconds)
        except ClusterError as error:
            if not state["abandon_unreachable"]:
                raise
            await self.warn(urn, str(error))

    async def _converge(self, urn: str, inputs: Properties, state: Properties) -> Properties:
        if not self.context.run.wanted("etcd:index:Preflight"):
            raise ClusterError(_UNCHECKED)
        if problems := unstaged(self.context, inputs, state):
            raise ClusterError(*problems)

        async def say(message: str) -> None:
            await self.say(urn, message)

        async def warn(message: str) -> None:
            await self.warn(urn, message)

        connections = {**state.get("connections", {}), **inputs["connections"]}
        run = RolloutContext(
            pool=self.context.pool,
            addresses={name: Address.from_inputs(each) for name, each in connections.items()},
            deadlines=Deadlines(**_deadlines(inputs)),
            snapshots=_snapshots(inputs),
            say=say,
            warn=warn,
            cancelled=self.context.cancelled,
            token=inputs.get("token"),
        )
        target = _target(inputs, state)
        outcome = await loop.converge(run, target, datetime.datetime.fromisoformat(inputs["valid_from"]))
        self.context.forget_looks()
        return {
            **inputs,
            "cluster_id": outcome.cluster_id,
            "member_ids": dict(outcome.member_ids),
            "steps": state.get("steps", 0) + outcome.steps,
            "running": _wanted(inputs),
        }
