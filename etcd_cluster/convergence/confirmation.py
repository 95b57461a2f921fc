"""When one look is not enough: silence may be an election, or a member between two of its starts."""

from collections.abc import Iterable, Mapping

from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning import RemoveMember, Restart, StartExisting, Step, Target, UpdatePeerUrl
from etcd_cluster.rendering.config_diff import former_urls
from etcd_cluster.specs.member import Member

# etcd counts a peer as connected for membership changes only after 5 s (server.go, HealthInterval)
SETTLE_SECONDS = 5.0
# A cluster that lost its leader has another one after two election timeouts, but for split votes (raft, section 5.2).
_ELECTIONS = 2
# etcd's default
_ELECTION_MILLISECONDS = "1000"


def needs_confirmation(step: Step, target: Target, facts: Mapping[str, HostFacts], alive: frozenset[str]) -> bool:
    """Return whether a step may harm a member that runs, and that gave no answer this once.

    It stops or removes that member, or brings to life what may be a copy of its data.
    """
    serving = {name: host.status.member_id for name, host in facts.items() if host.serves and host.status}
    match step:
        case RemoveMember() | UpdatePeerUrl():
            return step.member_id not in alive.union(serving.values())
        case StartExisting():
            names = [name for name in step.names if name in target.members]
            return not serving and any(former_urls(target.members[name].member, facts[name]) for name in names)
        case Restart():
            return step.name not in serving
    return False


def may_be_transient(target: Target, facts: Mapping[str, HostFacts], alive: frozenset[str]) -> bool:
    """Return whether a wanted member that did not answer may answer in a moment, so that a refusal may not hold."""
    return any(
        host.is_running or (host.wal is not None and host.wal.member_id in alive)
        for name, host in facts.items()
        if name in target.members and not host.serves
    )


def election_seconds(members: Iterable[Member]) -> float:
    """Return how long to wait for a leader, in seconds."""
    timeouts = (int(member.options.get("election-timeout", _ELECTION_MILLISECONDS)) for member in members)
    return max(SETTLE_SECONDS, _ELECTIONS * max(timeouts, default=0) / 1000)
