"""What is wanted, and what the planning reads and writes beside the observation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property

from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.observation import keyvalue
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning import ids as identity
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.member import Member, initial_cluster


@dataclass(frozen=True)
class TargetMember:
    """A member as it is wanted: what it reads at its start, and the leaf certificates it uses.

    `replaces` is the id of the dead member whose place it may take although the host is the same (a wiped disk).
    """

    member: Member
    revision: str
    certificates: str
    replaces: str | None = None


@dataclass(frozen=True)
class Target:
    """The cluster as it is wanted.

    `cluster_id` and `known` (member names) are what the stack's state remembers, if anything. `leaving` are the
    nodes that the state knows and the settings no longer have. With `trial_start`, what never served on a host is tried
    there before a member uses it.
    """

    members: Mapping[str, TargetMember]
    cluster_id: str | None = None
    leaving: Mapping[str, Member] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    trial_start: bool = False

    @property
    def initial_cluster(self) -> str:
        """The member list of a new cluster."""
        return initial_cluster({name: target.member.peer_url for name, target in self.members.items()})


Observed = Mapping[str, HostFacts | Problem]


class Refusal(ClusterError):
    """What is wanted cannot be done safely."""


def refuse(reason: Reason, where: str, what: str, action: str) -> Refusal:
    """Return a refusal of one problem."""
    return Refusal(Problem(reason, where, what, action))


def quorum(voters: int) -> int:
    """Return how many voters must agree."""
    return voters // 2 + 1


@dataclass(frozen=True)
class Attempt:
    """A bootstrap that was announced on the hosts: its id, which is the cluster token, and its member list."""

    id: str
    cluster: str

    @property
    def names(self) -> list[str]:
        """The names of its members."""
        return [pair.partition("=")[0] for pair in self.cluster.split(",")]

    @cached_property
    def member_ids(self) -> Mapping[str, str]:
        """The id that etcd gives each of its members, by name; empty where the list is none."""
        urls = dict(pair.split("=", 1) for pair in self.cluster.split(",") if "=" in pair)
        return {name: identity.member_id([url], self.id) for name, url in urls.items()}

    @cached_property
    def cluster_id(self) -> str:
        """The id that etcd gives the cluster."""
        return identity.cluster_id(self.member_ids.values())

    def text(self) -> str:
        """Return the attempt as it is written on each host."""
        return f"attempt={self.id}\ncluster={self.cluster}"

    @classmethod
    def parse(cls, text: str) -> "Attempt":
        """Read an attempt as a host has it."""
        told = keyvalue.values(text)
        return cls(told.get("attempt", ""), told.get("cluster", ""))


def bootstrap_marker(cluster_id: str, member_id: str) -> str:
    """Return the bootstrap marker of one member."""
    return f"cluster={cluster_id}\nmember={member_id}\n"


@cache
def bootstrapped_cluster(text: str) -> str:
    """Return the cluster id that a bootstrap marker names."""
    return keyvalue.values(text).get("cluster", "")


def cluster_ids(host: HostFacts) -> set[str]:
    """Return the ids of the clusters that a host's data, its marker and its running member belong to."""
    ids = {
        host.wal.cluster_id if host.wal else "",
        host.status.cluster_id if host.status else "",
        bootstrapped_cluster(host.bootstrapped or ""),
    }
    return ids - {""}
