"""The claim on one host: its owner stamp, what can be known of it, and the removal of all that is ours there."""

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from etcd_cluster import scripts
from etcd_cluster.errors import ClusterError, Unreachable
from etcd_cluster.observation.facts import ARCHITECTURES, Stamp
from etcd_cluster.planning import Refusal
from etcd_cluster.planning.target import refuse
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.member import Member
from provider.resource import Properties, Resource
from provider.run import machine
from provider.values import UNKNOWN

# What only a removal reads; a change of these needs no host that answers.
_FOR_REMOVAL = frozenset({"purge_data", "abandon_unreachable"})


class Host(Resource):
    """`etcd:index:Host`: create takes the stamp, update renews it, delete does nothing where it is not its own.

    Inputs: `connection`, `address`, `member`, `owner`, `stack`, `purge_data`, `abandon_unreachable`, `seconds`.
    Outputs besides: `architecture`, `host_id`, and `damage`, which counts how often a refresh found binaries that
    were missing or changed; the install's script carries it, so a rise installs them again.
    """

    type: ClassVar[str] = "etcd:index:Host"
    replace_on: ClassVar[frozenset[str]] = frozenset({"address"})

    def planned(self, state: Properties, inputs: Properties) -> Properties:
        """The architecture and the id of a new host are known only after `up`."""
        return {"architecture": UNKNOWN, "host_id": UNKNOWN, "damage": 0, **state, **inputs}

    async def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Take the host."""
        host_id = secrets.token_hex(8)
        return host_id, await self._claim(inputs, host_id, 0)

    async def update(self, urn: str, state: Properties, inputs: Properties) -> Properties:
        """Renew the stamp, unless nothing changed that the host has to know."""
        changed = {key for key, value in inputs.items() if state.get(key) != value}
        if changed and changed <= _FOR_REMOVAL:
            return {**state, **inputs}
        return await self._claim(inputs, state["host_id"], state["damage"], Member.from_inputs(state["member"]))

    async def read(self, urn: str, state: Properties) -> Properties:
        """Count damage to the installed binaries; a host that cannot be reached keeps its last values."""
        member = Member.from_inputs(state["member"])
        try:
            host = await self.context.look(member.name, state["connection"], member, state["seconds"])
        except ClusterError:
            return state
        return state if host.binaries_whole else {**state, "damage": state["damage"] + 1}

    async def delete(self, urn: str, state: Properties) -> None:
        """Remove all that is ours, without a word where another stamp stands by now.

        Nothing is removed where the program still wants the host, nor where a member votes that nothing has removed
        from its cluster.
        """
        own = machine(state["connection"])
        if any(machine(wanted["connection"]) == own for wanted in self.context.run.wanted(self.type)):
            return
        member = Member.from_inputs(state["member"])
        layout = member.layout
        try:
            if not self.context.destroying:
                await self._refuse_voter(state, member)
            session = await self.context.session(member.name, state["connection"])
            await session.run(
                scripts.script(
                    "release",
                    config=layout.config_dir,
                    install=layout.install_dir,
                    bin=layout.bin_dir,
                    data=layout.data_dir,
                    wal=layout.wal_dir or "",
                    host_id=state["host_id"],
                    purge="yes" if state["purge_data"] else "no",
                ),
                seconds=state["seconds"],
            )
        except Refusal:
            raise
        except ClusterError as error:
            await self._left_behind(urn, state, member, error)

    async def _refuse_voter(self, state: Properties, member: Member) -> None:
        """Refuse to stop a member that serves: Rollout stops it in a destroy, and removes it where its node leaves."""
        self.context.forget_looks()
        host = await self.context.look(member.name, state["connection"], member, state["seconds"])
        own = host.stamp is not None and host.stamp.host == state["host_id"]
        if own and host.healthy and host.status and any(e.member_id == host.status.member_id for e in host.members):
            raise refuse(
                Reason.MEMBER_SERVING,
                member.name,
                f"it still serves as member {host.status.member_id} of its cluster, so nothing was removed there",
                "Run `pulumi up` without `--target`, which removes the member first; to remove the whole cluster, run "
                "`pulumi destroy`",
            )

    async def _left_behind(self, urn: str, state: Mapping[str, Any], member: Member, error: ClusterError) -> None:
        if self.context.destroying and not state["abandon_unreachable"]:
            raise ClusterError.of(
                Reason.HOST_NOT_CLEARED,
                member.name,
                f"it cannot be cleared ({error.problems[0].what}), so things of this program stay there",
                "Bring it back, or give it up with `abandon_unreachable` (docs/remove.md), then destroy again",
            ) from None
        why = "" if isinstance(error, Unreachable) else f" ({error.problems[0].what})"
        verb = "reached" if isinstance(error, Unreachable) else "cleared"
        await self.warn(
            urn,
            f"{member.name} cannot be {verb}, so all of this stays on it: the unit etcd.service, "
            f"{member.layout.config_dir}, {member.layout.install_dir} and the data. Wipe it before it comes back.{why}",
        )

    async def _claim(self, inputs: Properties, host_id: str, damage: int, former: Member | None = None) -> Properties:
        """Take the stamp; the directories that `former` has and the member no longer has are noted for later."""
        member = Member.from_inputs(inputs["member"])
        before = (former or member).layout
        session = await self.context.session(member.name, inputs["connection"])
        stamp = Stamp(inputs["owner"], host_id, member.name, inputs["stack"])
        result = await session.run(
            scripts.script(
                "claim",
                config=member.layout.config_dir,
                install=member.layout.install_dir,
                bin=member.layout.bin_dir,
                data=member.layout.data_dir,
                wal=member.layout.wal_dir or "",
                user=member.user,
                group=member.group,
                former_config=before.config_dir,
                former_install=before.install_dir,
                former_bin=before.bin_dir,
                former_data=before.data_dir,
                former_wal=before.wal_dir or "",
            ),
            stdin=stamp.text().encode(),
            seconds=inputs["seconds"],
        )
        machine = result.stdout.strip()
        self.context.forget_looks()
        return {**inputs, "architecture": ARCHITECTURES.get(machine, machine), "host_id": host_id, "damage": damage}
