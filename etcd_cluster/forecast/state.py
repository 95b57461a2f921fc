"""What a look at all hosts would show at a point of a forecast."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from etcd_cluster.observation.facts import HostFacts, ListedMember, MemberStatus
from etcd_cluster.planning.target import Target
from etcd_cluster.specs.member import Member


@dataclass(frozen=True)
class State:
    """What a look would show after the steps so far; ids that etcd gives on the way are made up."""

    facts: Mapping[str, HostFacts]
    alive: frozenset[str]
    target: Target
    unclear: Mapping[str, str] = field(default_factory=dict)

    def member(self, name: str) -> Member:
        wanted = self.target.members.get(name)
        return wanted.member if wanted else self.target.leaving[name]

    @property
    def listed(self) -> tuple[ListedMember, ...]:
        """The member list; the leader's word counts first."""
        tellers = [host for host in self.facts.values() if host.healthy and host.status and host.members]
        tellers.sort(key=lambda host: host.status is None or host.status.member_id != host.status.leader_id)
        return tellers[0].members if tellers else ()

    @property
    def leader(self) -> str:
        """The id of the leader, empty where nobody tells it."""
        return next((host.status.leader_id for host in self.facts.values() if host.healthy and host.status), "")

    @property
    def cluster_id(self) -> str:
        ids = [host.status.cluster_id for host in self.facts.values() if host.status]
        ids += [host.wal.cluster_id for host in self.facts.values() if host.wal]
        return next((each for each in ids if each), self.target.cluster_id or "new")

    def at(self, name: str, **changes: object) -> "State":
        """Return the state with other facts of one host."""
        return replace(self, facts={**self.facts, name: replace(self.facts[name], **changes)})  # type: ignore[arg-type]

    def every(self, change: Callable[[MemberStatus], MemberStatus]) -> "State":
        """Return the state with another status of each member that tells one."""
        return replace(
            self,
            facts={
                name: replace(host, status=change(host.status)) if host.status else host
                for name, host in self.facts.items()
            },
        )

    def listing(self, members: Iterable[ListedMember]) -> "State":
        """Return the state with another member list."""
        listed = tuple(members)
        return replace(
            self,
            facts={name: replace(host, members=listed) if host.healthy else host for name, host in self.facts.items()},
        )

    def led_by(self, member_id: str) -> "State":
        """Return the state with another leader."""
        return self.every(lambda status: replace(status, leader_id=member_id))

    def handed_over(self, member_id: str) -> "State":
        """Return the state after the leader has handed over, as `execution.restart.hand_over` chooses the heir."""
        heirs = sorted(
            (name not in self.target.members, name, host.status.member_id)
            for name, host in self.facts.items()
            if host.healthy and host.status and not host.status.is_learner and host.status.member_id != member_id
        )
        return self.led_by(heirs[0][2]) if heirs else self
