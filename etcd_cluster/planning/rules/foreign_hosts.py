"""Hosts of nodes that left the settings, and that somebody else may have by now."""

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning.target import Observed, Target, cluster_ids
from etcd_cluster.reasons import Reason


def without_strangers(observed: Observed, target: Target) -> Observed:
    """Return the observation in which a leaving node's host that is no longer this cluster's counts as unreachable.

    What runs there is neither asked nor stopped. The hosts of wanted nodes are refused instead, see `birth`.
    """
    staying = [seen for name, seen in observed.items() if isinstance(seen, HostFacts) and name in target.members]
    owners = {seen.stamp.cluster for seen in staying if seen.stamp}
    ids = {target.cluster_id or ""}.union(*(cluster_ids(seen) for seen in staying)) - {""}
    return {
        name: _stranger(name)
        if name in target.leaving and isinstance(seen, HostFacts) and _is_foreign(name, seen, owners, ids)
        else seen
        for name, seen in observed.items()
    }


def _is_foreign(name: str, seen: HostFacts, owners: set[str], ids: set[str]) -> bool:
    if seen.stamp and (seen.stamp.node != name or (owners and seen.stamp.cluster not in owners)):
        return True
    own = cluster_ids(seen)
    if own and ids:
        return not own <= ids
    return seen.stamp is None and not own and (seen.is_running or seen.has_wal)


def _stranger(name: str) -> Problem:
    return Problem(
        Reason.FOREIGN_HOST,
        name,
        "its host belongs to another cluster by now, so nothing is done there",
        "If that is wrong, look at the owner stamp and the data on it",
    )
