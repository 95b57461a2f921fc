"""Hosts of nodes that left the settings, and that somebody else may have by now."""

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning.target import Observed, Target, cluster_ids
from etcd_cluster.reasons import Reason


def without_foreign_hosts(observed: Observed, target: Target) -> Observed:
    """Return the observation in which a leaving node's host that is no longer this cluster's counts as unreachable.

    What runs there is neither asked nor stopped. The hosts of wanted nodes are refused instead, see `not_serving`.
    """
    staying = [host for name, host in observed.items() if isinstance(host, HostFacts) and name in target.members]
    owners = {host.stamp.cluster for host in staying if host.stamp}
    ids = {target.cluster_id or ""}.union(*(cluster_ids(host) for host in staying)) - {""}
    return {
        name: _foreign_host(name)
        if name in target.leaving and isinstance(host, HostFacts) and _is_foreign(name, host, owners, ids)
        else host
        for name, host in observed.items()
    }


def _is_foreign(name: str, host: HostFacts, owners: set[str], ids: set[str]) -> bool:
    if host.stamp and (host.stamp.node != name or (owners and host.stamp.cluster not in owners)):
        return True
    own = cluster_ids(host)
    if own and ids:
        return not own <= ids
    return host.stamp is None and not own and (host.is_running or host.has_wal)


def _foreign_host(name: str) -> Problem:
    return Problem(
        Reason.FOREIGN_HOST,
        name,
        "its host belongs to another cluster by now, so nothing is done there",
        "If that is wrong, look at the owner stamp and the data on it",
    )
