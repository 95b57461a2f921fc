"""A cluster that has a quorum, as the observation shows it, matched with what is wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts, ListedMember
from etcd_cluster.planning.target import Target, refuse
from etcd_cluster.reasons import Reason


@dataclass(frozen=True)
class ClusterState:
    """What the stages of a plan read; `facts` and `down` have wanted and leaving nodes alike.

    `alive` are the ids of listed members that answer although no observed host runs them, `unclear` those of members
    that gave something else than an answer, with that: they may run, and do not count as healthy.
    """

    facts: Mapping[str, HostFacts]
    down: Mapping[str, Problem]
    target: Target
    alive: frozenset[str] = frozenset()
    done: frozenset[object] = frozenset()
    unclear: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def serving(self) -> dict[str, HostFacts]:
        """The hosts whose member gives a linearizable answer."""
        return {name: host for name, host in self.facts.items() if host.serves}

    @cached_property
    def wanted_facts(self) -> dict[str, HostFacts]:
        """The hosts of wanted nodes that answered."""
        return {name: host for name, host in self.facts.items() if name in self.target.members}

    @cached_property
    def leader_id(self) -> str:
        """The id of the leader as the serving members tell it."""
        return next((host.status.leader_id for host in self.serving.values() if host.status), "")

    @cached_property
    def leader(self) -> str | None:
        """The node of the leader, if it is one that was observed."""
        return self.node_of(self.leader_id)

    @cached_property
    def listed(self) -> tuple[ListedMember, ...]:
        """The member list; the leader's word counts first."""
        tellers = sorted(self.serving.items(), key=lambda item: (not self._leads(item[1]), item[0]))
        listed = next((host.members for _, host in tellers if host.members), ())
        if not listed:
            raise refuse(
                Reason.MEMBER_LIST_MISSING,
                next(iter(self.serving)),
                "it serves, but does not tell its members",
                "Run it again in a moment",
            )
        return listed

    def _leads(self, host: HostFacts) -> bool:
        return host.status is not None and host.status.member_id == host.status.leader_id

    @cached_property
    def voters(self) -> list[ListedMember]:
        """The members that vote."""
        return [entry for entry in self.listed if not entry.is_learner]

    @cached_property
    def by_url(self) -> dict[str, ListedMember]:
        """Each wanted node's entry, found by its peer URL."""
        urls = {url: entry for entry in self.listed for url in entry.peer_urls}
        return {
            name: urls[wanted.member.peer_url]
            for name, wanted in self.target.members.items()
            if wanted.member.peer_url in urls
        }

    @cached_property
    def moved(self) -> dict[str, ListedMember]:
        """The wanted nodes whose name is listed with another peer URL, and whose old member is not given up."""
        matched = {entry.member_id for entry in self.by_url.values()}
        names = {entry.name: entry for entry in self.listed if entry.name and entry.member_id not in matched}
        return {
            name: names[name]
            for name in self.target.members
            if name not in self.by_url and name in names and not self._superseded(name, names[name])
        }

    def _superseded(self, name: str, entry: ListedMember) -> bool:
        """Return whether a member that answers is replaced by an empty host of the same name, as `replaces` confirms.

        The node then counts as missing and the old member as unwanted: it leaves once the new one votes.
        """
        host = self.facts.get(name)
        confirmed = self.target.members[name].replaces == entry.member_id
        return confirmed and host is not None and not host.has_wal and self.is_alive(entry)

    @cached_property
    def missing(self) -> list[str]:
        """The wanted nodes that no entry stands for."""
        return [name for name in self.target.members if name not in self.by_url and name not in self.moved]

    @cached_property
    def unwanted(self) -> list[ListedMember]:
        """The entries that no wanted node stands for."""
        wanted = {entry.member_id for entry in (*self.by_url.values(), *self.moved.values())}
        return [entry for entry in self.listed if entry.member_id not in wanted]

    def node_of(self, member_id: str) -> str | None:
        """Return the observed node that runs a member or holds its data."""
        for name, host in self.facts.items():
            if host.status and host.status.member_id == member_id:
                return name
        for name, host in self.facts.items():
            if host.wal and host.wal.member_id == member_id:
                return name
        return None

    def host_of(self, entry: ListedMember) -> str | None:
        """Return the node that an entry belongs to by its data or its peer URL, if that host answers."""
        if node := self.node_of(entry.member_id):
            return node
        for name, member in self.target.leaving.items():
            if member.peer_url in entry.peer_urls and name in self.facts:
                return name
        return None

    def is_alive(self, entry: ListedMember) -> bool:
        """Return whether a listed member runs, or may: only one that is silent does not."""
        return entry.member_id in self.unclear or self.answers(entry)

    def answers(self, entry: ListedMember) -> bool:
        """Return whether a listed member answers, as far as anything tells."""
        if entry.member_id in self.alive:
            return True
        return any(host.status and host.status.member_id == entry.member_id for host in self.serving.values())

    @cached_property
    def may_run(self) -> frozenset[str]:
        """The ids of members that no observed host runs, and that are not silent."""
        return self.alive | self.unclear.keys()

    def still(self, member_id: str, urls: Sequence[str]) -> str:
        """Return in words how a member that should be gone is known not to be."""
        where = ", ".join(urls)
        if said := self.unclear.get(member_id):
            return f"may still run: asked at {where} it does not answer, but is not silent either ({said})"
        return f"still answers at {where}"

    def label(self, entry: ListedMember) -> str:
        """Return a word for an entry: its name, else its peer URL."""
        return entry.name or (entry.peer_urls[0] if entry.peer_urls else entry.member_id)

    def leads(self, name: str) -> bool:
        """Return whether a node's member leads."""
        status = self.facts[name].status
        return status is not None and status.member_id == self.leader_id

    @cached_property
    def alarms(self) -> frozenset[tuple[str, str]]:
        """The alarms that are raised: member id and kind (`NOSPACE`, `CORRUPT`)."""
        return frozenset(alarm for host in self.serving.values() for alarm in host.alarms)

    @cached_property
    def stray_alarms(self) -> tuple[tuple[str, str], ...]:
        """The alarms of members that are no longer listed, if all are; etcd keeps them until they are disarmed."""
        listed = {entry.member_id for entry in self.listed}
        return tuple(sorted(self.alarms)) if all(member not in listed for member, _ in self.alarms) else ()

    def healthy_voters(self, without: Sequence[str] = ()) -> int:
        """Return how many voters answer, leaving out the ids in `without`."""
        return sum(self.answers(entry) for entry in self.voters if entry.member_id not in without)
