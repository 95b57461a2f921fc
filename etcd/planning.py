"""What to do next with a cluster: a pure function of what was observed and what is wanted."""

from collections.abc import Mapping
from dataclasses import dataclass

from etcd.errors import ClusterError, Problem
from etcd.member import Member, initial_cluster
from etcd.observation import HostFacts, ListedMember
from etcd.ssh import as_text


@dataclass(frozen=True)
class TargetMember:
    """A member as it is wanted: what it reads at its start, and the leaf certificates it uses."""

    member: Member
    revision: str
    certificates: str


@dataclass(frozen=True)
class Target:
    """The cluster as it is wanted; `cluster_id` is the one that the stack's state remembers, if any."""

    members: Mapping[str, TargetMember]
    cluster_id: str | None = None

    @property
    def initial_cluster(self) -> str:
        """The member list of a new cluster."""
        return initial_cluster({name: target.member.peer_url for name, target in self.members.items()})


Observed = Mapping[str, HostFacts | Problem]


@dataclass(frozen=True)
class StartNew:
    """Start all members of a cluster that was never born; with `attempt`, the one that is under way already."""

    names: tuple[str, ...]
    attempt: str | None


@dataclass(frozen=True)
class StartExisting:
    """Start members that have their data and do not run."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class SwitchCertificates:
    """Put staged leaf certificates into use; nothing restarts."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class RecordBirth:
    """Write the born marker and remove `bootstrap.env` where a member serves."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Restart:
    """Restart one member on its staged revision; the leadership moves away first when it leads."""

    name: str
    leads: bool


Step = StartNew | StartExisting | SwitchCertificates | RecordBirth | Restart


@dataclass(frozen=True)
class Plan:
    """The steps that are due, in order, and what the user should know although nothing is refused."""

    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()


class Refusal(ClusterError):
    """What is wanted cannot be done safely."""


def quorum(voters: int) -> int:
    """Return how many voters must agree."""
    return voters // 2 + 1


@dataclass(frozen=True)
class Attempt:
    """A bootstrap that was announced on the hosts: its id, which is the cluster token, and its member list."""

    id: str
    cluster: str

    def text(self) -> str:
        """Return the attempt as it is written on each host."""
        return f"attempt={self.id}\ncluster={self.cluster}"

    @classmethod
    def parse(cls, text: str) -> "Attempt":
        """Read an attempt as a host has it."""
        values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        return cls(values.get("attempt", ""), values.get("cluster", ""))


def born_text(cluster_id: str, member_id: str) -> str:
    """Return the born marker of one member."""
    return f"cluster={cluster_id}\nmember={member_id}\n"


def born_cluster(text: str) -> str:
    """Return the cluster id that a born marker names."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return values.get("cluster", "")


def plan(observed: Observed, target: Target) -> Plan:
    """Return the steps that are due now; raises `Refusal` for what cannot be done safely.

    Only the first step is safe for certain: who executes it looks again before the next.
    """
    facts = {name: seen for name, seen in sorted(observed.items()) if isinstance(seen, HostFacts)}
    down = {name: seen for name, seen in sorted(observed.items()) if isinstance(seen, Problem)}
    _refuse_foreign_data(facts, target)
    serving = {name: seen for name, seen in facts.items() if seen.healthy and seen.status is not None}
    if serving:
        return _plan_serving(facts, down, serving, target)
    return _plan_silent(facts, down, target)


def _refuse_foreign_data(facts: Mapping[str, HostFacts], target: Target) -> None:
    """Refuse hosts whose data or markers belong to different clusters."""
    ids: dict[str, list[str]] = {}
    for name, seen in facts.items():
        known = {
            seen.wal.cluster_id if seen.wal else "",
            seen.status.cluster_id if seen.status else "",
            born_cluster(seen.born or ""),
        }
        for cluster_id in sorted(known - {""}):
            ids.setdefault(cluster_id, []).append(name)
    if target.cluster_id:
        ids.setdefault(target.cluster_id, [])
    if len(ids) < 2:
        return
    ours = target.cluster_id or max(ids, key=lambda cluster_id: len(ids[cluster_id]))
    raise Refusal(
        *(
            Problem(
                name,
                f"its data directory holds data of cluster {cluster_id}, not of this cluster ({ours})",
                "Check the node's address and disks; to give the data up, move it away on the host",
            )
            for cluster_id, names in ids.items()
            if cluster_id != ours
            for name in names
        )
    )


def _plan_silent(facts: Mapping[str, HostFacts], down: Mapping[str, Problem], target: Target) -> Plan:
    """Plan for a cluster of which no member serves: never born, interrupted at birth, or stopped."""
    born = target.cluster_id is not None or any(seen.born for seen in facts.values())
    with_data = sorted(name for name, seen in facts.items() if seen.has_wal)
    attempts = {seen.attempt for seen in facts.values() if seen.attempt}
    if not born and down:
        raise Refusal(*down.values())
    if not born and (attempts or not with_data):
        # `leftover` without a WAL: data whose WAL directory is not mounted, or was wiped
        stray = sorted(name for name, seen in facts.items() if (seen.has_wal or seen.leftover) and not seen.attempt)
        if stray:
            raise Refusal(*(_unknown_data(name) for name in stray))
        return _start_new(facts, target)
    if not born and (nameless := [name for name in with_data if not facts[name].wal]):
        raise Refusal(*(_unknown_data(name) for name in nameless))
    return _start_stopped(facts, down, with_data, born, target)


def _start_new(facts: Mapping[str, HostFacts], target: Target) -> Plan:
    """Begin a bootstrap, or go on with the one that all hosts tell of; another member list starts over."""
    known = {Attempt.parse(seen.attempt) for seen in facts.values() if seen.attempt}
    fitting = {attempt for attempt in known if attempt.cluster == target.initial_cluster}
    same = len(known) == 1 and len(fitting) == 1
    return Plan((StartNew(tuple(sorted(target.members)), fitting.pop().id if same else None),))


def _unknown_data(name: str) -> Problem:
    return Problem(
        name,
        "its data directory holds data of a cluster that this stack does not know",
        "Move the data away on the host if nobody needs it, or give the node another data_dir",
    )


def _start_stopped(
    facts: Mapping[str, HostFacts], down: Mapping[str, Problem], with_data: list[str], born: bool, target: Target
) -> Plan:
    """Start a cluster that has data and does not serve, if what answers is enough for a quorum."""
    without = sorted(set(facts) - set(with_data))
    if without and (not born or len(with_data) < quorum(len(target.members))):
        raise Refusal(
            *(
                Problem(
                    name,
                    f"it has no data, but {as_text(with_data or ['this stack'])} knows a cluster that was born; "
                    "the disk was wiped, replaced or is not mounted",
                    "Mount the disk, or restore the cluster from a snapshot; an empty member never starts by itself",
                )
                for name in without
            )
        )
    if len(with_data) < quorum(len(target.members)):
        raise Refusal(*down.values())
    stopped = tuple(
        name
        for name in with_data
        if not facts[name].is_running or facts[name].running_revision != target.members[name].revision
    )
    warnings = tuple(str(problem) for problem in down.values())
    if not born:
        cluster_ids = {seen.wal.cluster_id for seen in facts.values() if seen.wal}
        warnings += (f"All hosts hold data of cluster {as_text(sorted(cluster_ids))}; it is resumed",)
    # A member whose certificate has ended serves nobody; that may be all there is to mend.
    steps: list[Step] = [SwitchCertificates(leafs)] if (leafs := _stale_leafs(facts, target)) else []
    return Plan((*steps, StartExisting(stopped or tuple(with_data))), warnings)


def _plan_serving(
    facts: Mapping[str, HostFacts],
    down: Mapping[str, Problem],
    serving: Mapping[str, HostFacts],
    target: Target,
) -> Plan:
    """Plan for a cluster that has a quorum: repair first, then certificates, then restarts, the leader last."""
    listed = next((seen.members for seen in serving.values() if seen.members), ())
    if not listed:
        raise Refusal(
            *(Problem(name, "it serves, but does not tell its members", "Run it again in a moment") for name in serving)
        )
    _refuse_other_membership(listed, target)
    warnings = [str(problem) for problem in down.values()]
    empty = [name for name, seen in facts.items() if not seen.has_wal]
    if empty:
        raise Refusal(
            *(
                Problem(
                    name,
                    "it is a member, but has no data; the disk was wiped, replaced or is not mounted",
                    "Mount the disk; an empty member never starts by itself",
                )
                for name in empty
            )
        )
    steps: list[Step] = []
    stopped = tuple(sorted(name for name, seen in facts.items() if not seen.is_running))
    if stopped:
        steps.append(StartExisting(stopped))
    unrecorded = tuple(sorted(name for name in serving if not facts[name].born))
    if unrecorded:
        steps.append(RecordBirth(unrecorded))
    if leafs := _stale_leafs(facts, target):
        steps.append(SwitchCertificates(leafs))
    steps += _restarts(facts, down, serving, target)
    return Plan(tuple(steps), tuple(warnings))


def _stale_leafs(facts: Mapping[str, HostFacts], target: Target) -> tuple[str, ...]:
    return tuple(
        sorted(
            name
            for name, seen in facts.items()
            if seen.is_running and seen.active_certificates != target.members[name].certificates
        )
    )


def _restarts(
    facts: Mapping[str, HostFacts],
    down: Mapping[str, Problem],
    serving: Mapping[str, HostFacts],
    target: Target,
) -> list[Step]:
    stale = [
        name
        for name, seen in facts.items()
        if seen.is_running and seen.running_revision != target.members[name].revision
    ]
    if not stale:
        return []
    voters = len(target.members)
    if down:
        raise Refusal(
            *(
                Problem(
                    problem.where,
                    f"{problem.what}, and {as_text(sorted(stale))} must restart for the changed settings",
                    "Repair that host first, or take the change back",
                )
                for problem in down.values()
            )
        )
    # What is stopped is started before any restart; the plan is made anew after that.
    sick = sorted(name for name, seen in facts.items() if seen.is_running and name not in serving)
    if sick and set(stale) - set(sick) and voters - len(sick) - 1 < quorum(voters):
        stale = [name for name in stale if name in sick] or stale
        if not set(stale) & set(sick):
            raise Refusal(
                *(
                    Problem(
                        name,
                        f"it does not serve, so no other member may restart (quorum of {voters} is {quorum(voters)})",
                        "Look at `journalctl -u etcd` on it and repair it first",
                    )
                    for name in sick
                )
            )
    leader = next(iter(serving.values())).status
    leader_id = leader.leader_id if leader else ""

    def leads(name: str) -> bool:
        status = facts[name].status
        return status is not None and status.member_id == leader_id

    ordered = sorted(stale, key=lambda name: (name in serving, leads(name), name))
    return [Restart(name, leads(name)) for name in ordered]


def _refuse_other_membership(listed: tuple[ListedMember, ...], target: Target) -> None:
    wanted = {target.member.peer_url: name for name, target in target.members.items()}
    present = {url: entry for entry in listed for url in entry.peer_urls}
    problems = [
        Problem(
            entry.name or url,
            f"it is a member of the running cluster ({url}), but not in `nodes`",
            "Put it back into `nodes`: this version does not remove members yet",
        )
        for url, entry in present.items()
        if url not in wanted
    ] + [
        Problem(
            name,
            f"it is in `nodes`, but no member of the running cluster has the peer URL {url}",
            "Take it out of `nodes`: this version does not add, move or rename members yet",
        )
        for url, name in wanted.items()
        if url not in present
    ]
    if problems:
        raise Refusal(*problems)
