"""A bootstrap that was announced on the hosts and not recorded yet: how it begins, and how it goes on."""

from collections.abc import Mapping

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning.state import ClusterState
from etcd_cluster.planning.steps import Plan, StartNew
from etcd_cluster.planning.target import Attempt, Refusal, Target
from etcd_cluster.reasons import Reason


def unrecorded(facts: Mapping[str, HostFacts], target: Target) -> Attempt | None:
    """Return the attempt under way, None where a bootstrap was recorded, or where it is not of the wanted members."""
    known = {Attempt.parse(host.attempt) for host in facts.values() if host.attempt}
    if len(known) != 1 or any(host.bootstrapped for host in facts.values()):
        return None
    (attempt,) = known
    if attempt.cluster != target.initial_cluster or target.cluster_id not in (None, attempt.cluster_id):
        return None
    return attempt


def is_unrecorded(facts: Mapping[str, HostFacts]) -> bool:
    """Return whether hosts tell of a bootstrap, and none of one that came to its end."""
    return any(host.attempt for host in facts.values()) and not any(host.bootstrapped for host in facts.values())


def has_other_data(name: str, host: HostFacts, attempt: Attempt) -> bool:
    """Return whether a host's disk holds the data of another member than the attempt's own.

    An etcd that read other settings, as a drop-in of an earlier installation can make it do, is a cluster of its own.
    """
    own = attempt.cluster_id, attempt.member_ids.get(name)
    return host.wal is not None and (host.wal.cluster_id, host.wal.member_id) != own


def is_member(name: str, host: HostFacts, attempt: Attempt) -> bool:
    """Return whether a host runs the attempt's own member, and it gives a linearizable answer."""
    status = host.status if host.healthy else None
    return status is not None and (status.cluster_id, status.member_id) == (
        attempt.cluster_id,
        attempt.member_ids.get(name),
    )


def begin(facts: Mapping[str, HostFacts], target: Target) -> Plan:
    """Begin a bootstrap, or go on with the one that all hosts tell of; another member list starts over."""
    names = tuple(sorted(target.members))
    attempt = unrecorded(facts, target)
    if attempt is None:
        return Plan((StartNew(names, None),))
    other = [name for name in names if has_other_data(name, facts[name], attempt)]
    if len(other) == len(names):
        raise Refusal(*(_other_data(name, facts[name], target) for name in other))
    return Plan((StartNew(names, attempt.id),))


def go_on(cluster: ClusterState, down: Mapping[str, Problem]) -> Plan | None:
    """Return how a bootstrap goes on that has a quorum, None where none is under way.

    A member that was never started may start as a new one until the bootstrap is recorded: it has published no client
    URL yet. One that has and lost its data since is no new member.
    """
    attempt = unrecorded(cluster.facts, cluster.target)
    if attempt is None:
        return None
    for name, entry in cluster.by_url.items():
        host = cluster.facts.get(name)
        if host and entry.client_urls and not host.has_wal:
            return None
    if not all(is_member(name, host, attempt) for name, host in cluster.serving.items()):
        return None
    if down:
        raise Refusal(
            *(
                Problem(
                    Reason.BOOTSTRAP_NEEDS_ALL_HOSTS,
                    problem.where,
                    f"{problem.what}, and the bootstrap comes to its end only with all members",
                    f"Bring the host back, or take {problem.where} out of `nodes`",
                )
                for problem in down.values()
            )
        )
    return Plan((StartNew(tuple(sorted(cluster.target.members)), attempt.id),))


def _other_data(name: str, host: HostFacts, target: Target) -> Problem:
    wal, config = host.wal, target.members[name].member.layout.config_dir
    return Problem(
        Reason.BOOTSTRAP_FOREIGN_DATA,
        name,
        f"a bootstrap was begun there, but its data directory holds data of cluster {wal.cluster_id if wal else ''}, "
        "which that did not make",
        f"Move the data away on the host if nobody needs it; if it is to be resumed, remove {config}/attempt there",
    )
