"""Whether the instance of a member may be replaced now: a pure function of what was seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from etcd_cluster.convergence.unobserved_members import Answers
from etcd_cluster.errors import ClusterError, Problem
from etcd_cluster.observation.facts import HostFacts, ListedMember
from etcd_cluster.planning import Observed
from etcd_cluster.reasons import Reason
from etcd_cluster.specs.member import Member

Generations = Mapping[str, Sequence[int]]
_SAFE_VOTERS = 3


@dataclass(frozen=True)
class Judgement:
    """What the user must know before one instance is replaced; empty where it is an everyday thing."""

    warnings: tuple[str, ...] = ()


def changed(before: Generations, wanted: Generations) -> list[str]:
    """Return the nodes whose instance is to be replaced; a node that comes or goes is none of them.

    A generation is a pair: the volumes' and the instance's. Raises `ClusterError` for one that was lowered, and for
    more than one change at a time.
    """
    names = [name for name in sorted(wanted) if name in before and list(before[name]) != list(wanted[name])]
    problems = [
        Problem(
            Reason.INSTANCE_REPLACEMENT_UNSAFE,
            name,
            f"its generations (volumes, instance) were {_pair(before[name])} and cannot become {_pair(wanted[name])}",
            "Generations only rise",
        )
        for name in names
        if tuple(wanted[name]) < tuple(before[name])
    ]
    if len(names) > 1:
        problems.append(
            Problem(
                Reason.INSTANCE_REPLACEMENT_UNSAFE,
                "ec2",
                f"the instances of {', '.join(names)} would be replaced in one run, which could stop the cluster",
                "Raise the generation of one node, run `pulumi up`, then raise the next",
            )
        )
    if problems:
        raise ClusterError(*problems)
    return names


def not_yet(names: Sequence[str]) -> list[Problem]:
    """Return why no instance of `names` is replaced in the first run after an earlier version of this program."""
    return [
        Problem(
            Reason.INSTANCE_REPLACEMENT_UNSAFE,
            name,
            "its instance is not replaced in the first run of this version, which only records how instances are made",
            f"Set the generation of {name} as it was, run `pulumi up`, then raise it",
        )
        for name in names
    ]


def _pair(generation: Sequence[int]) -> str:
    return " and ".join(str(each) for each in generation)


def judge(name: str, members: Mapping[str, Member], observed: Observed, answers: Answers) -> Judgement:
    """Return what to tell before the instance of `name` is replaced; raises `ClusterError` where it must not be.

    `members` and `observed` are the nodes that had a host before this run, leaving ones included; `answers` are
    those of listed members that no observed host runs. A member that answers, or is not silent, is replaced only while
    all others answer; one that is silent may always be: that is the repair.
    """
    facts = {node: host for node, host in observed.items() if isinstance(host, HostFacts)}
    serving = {node: host for node, host in facts.items() if host.healthy and host.status}
    down = observed.get(name)
    if not serving:
        return _without_a_cluster(name, facts, observed)
    listed = next((host.members for _, host in sorted(serving.items(), key=_leader_first) if host.members), ())
    answering = answers.answering | {host.status.member_id for host in serving.values() if host.status}
    own = _entry(members[name], listed)
    if own is None or own.member_id not in answering | answers.unclear.keys():
        return Judgement()
    voters = [entry for entry in listed if not entry.is_learner]
    sick = [entry for entry in voters if entry.member_id != own.member_id and entry.member_id not in answering]
    if sick:
        raise ClusterError(
            *(
                Problem(
                    Reason.INSTANCE_REPLACEMENT_UNSAFE,
                    name,
                    f"its instance is not replaced, since member {_label(entry, members)} does not answer",
                    f"Repair {_label(entry, members)} first, then run `pulumi up` again",
                )
                for entry in sick
            )
        )
    warnings = []
    if isinstance(down, Problem):
        warnings.append(f"{name} serves, but SSH does not reach its host; its member is cut off, not stopped")
    if len(voters) < _SAFE_VOTERS:
        warnings.append(f"With {len(voters)} member(s), replacing the instance of {name} is an outage until it is back")
    return Judgement(tuple(warnings))


def _without_a_cluster(name: str, facts: Mapping[str, HostFacts], observed: Observed) -> Judgement:
    if not facts and len(observed) > 1:
        problems = [each for each in observed.values() if isinstance(each, Problem)]
        raise ClusterError(
            Problem(
                Reason.INSTANCE_REPLACEMENT_UNSAFE,
                name,
                "its instance is not replaced, since not one host answers, and the fault may lie on the way to them",
                "Check the way to the hosts; if they are all lost, restore a snapshot (docs/restore.md); if no host "
                "has ever let anybody in, terminate these instances and run `pulumi up` again (docs/ec2.md)",
            ),
            *problems,
        )
    if any(host.has_wal or host.bootstrapped for host in facts.values()) or not facts:
        return Judgement((f"No member serves; the instance of {name} is replaced all the same, since that stops none",))
    return Judgement()


def _leader_first(item: tuple[str, HostFacts]) -> tuple[bool, str]:
    status = item[1].status
    return status is None or status.member_id != status.leader_id, item[0]


def _entry(member: Member, listed: Sequence[ListedMember]) -> ListedMember | None:
    return next((entry for entry in listed if member.peer_url in entry.peer_urls), None)


def _label(entry: ListedMember, members: Mapping[str, Member]) -> str:
    by_url = {member.peer_url: name for name, member in members.items()}
    known = next((by_url[url] for url in entry.peer_urls if url in by_url), None)
    return known or entry.name or entry.member_id
