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
        tellers = [seen for seen in self.facts.values() if seen.healthy and seen.status and seen.members]
        tellers.sort(key=lambda seen: seen.status is None or seen.status.member_id != seen.status.leader_id)
        return tellers[0].members if tellers else ()

    @property
    def leader(self) -> str:
        """The id of the leader, empty where nobody tells it."""
        return next((seen.status.leader_id for seen in self.facts.values() if seen.healthy and seen.status), "")

    @property
    def cluster_id(self) -> str:
        ids = [seen.status.cluster_id for seen in self.facts.values() if seen.status]
        ids += [seen.wal.cluster_id for seen in self.facts.values() if seen.wal]
        return next((each for each in ids if each), self.target.cluster_id or "new")

    def at(self, name: str, **changes: object) -> "State":
        """Return the state with other facts of one host."""
        return replace(self, facts={**self.facts, name: replace(self.facts[name], **changes)})  # type: ignore[arg-type]

    def every(self, change: Callable[[MemberStatus], MemberStatus]) -> "State":
        """Return the state with another status of each member that tells one."""
        return replace(
            self,
            facts={
                name: replace(seen, status=change(seen.status)) if seen.status else seen
                for name, seen in self.facts.items()
            },
        )

    def listing(self, members: Iterable[ListedMember]) -> "State":
        """Return the state with another member list."""
        listed = tuple(members)
        return replace(
            self,
            facts={name: replace(seen, members=listed) if seen.healthy else seen for name, seen in self.facts.items()},
        )

    def led_by(self, member_id: str) -> "State":
        """Return the state with another leader."""
        return self.every(lambda status: replace(status, leader_id=member_id))

    def handed_over(self, member_id: str) -> "State":
        """Return the state after the leader has handed over, as `execution.restart.hand_over` chooses the heir."""
        heirs = sorted(
            (name not in self.target.members, name, seen.status.member_id)
            for name, seen in self.facts.items()
            if seen.healthy and seen.status and not seen.status.is_learner and seen.status.member_id != member_id
        )
        return self.led_by(heirs[0][2]) if heirs else self
