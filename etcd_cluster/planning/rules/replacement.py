"""Whose member is gone for good, and whose data must not serve: new hosts, wiped disks, copies and lost disks."""

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts, ListedMember
from etcd_cluster.planning.state import ClusterState
from etcd_cluster.planning.target import Refusal, refuse
from etcd_cluster.reasons import Reason

_RESTORE = "Restore the cluster from a snapshot (docs/restore.md), or replace one at a time"


def has_own_data(host: HostFacts, entry: ListedMember) -> bool:
    """Return whether the disk of a host holds the data of this very member."""
    return host.wal is not None and host.wal.member_id == entry.member_id


def replaced(cluster: ClusterState) -> dict[str, ListedMember]:
    """Return the nodes whose old member is dead and may be removed: a new host, or a wiped disk that is confirmed.

    Raises `Refusal` for a member that still answers, a copy of its data, a loss that nobody confirmed, and for two at a
    time: what was acknowledged may be on the lost ones alone.
    """
    found: dict[str, ListedMember] = {}
    for name, entry in cluster.moved.items():
        host = cluster.facts.get(name)
        if host is None:
            continue
        if has_own_data(host, entry):
            _refuse_copy(cluster, name, host, entry)
            continue
        if cluster.is_alive(entry):
            raise refuse(
                Reason.OLD_MEMBER_RUNNING,
                name,
                f"its address is new and has no data, but the old member {entry.member_id} "
                f"{cluster.still(entry.member_id, entry.peer_urls)}",
                "To move a node, take its data along; to replace it, switch the old host off first, or let the new "
                f'member join before the old one leaves with `nodes.{name}.replaces: "{entry.member_id}"`',
            )
        found[name] = entry
    for name, entry in cluster.by_url.items():
        host = cluster.facts.get(name)
        if host is None or host.has_wal or entry.is_learner or not entry.name:
            continue
        if cluster.target.members[name].replaces != entry.member_id:
            raise refuse(
                Reason.DATA_MISSING,
                name,
                f"it is member {entry.member_id}, but its disk has no data; the disk was wiped, replaced or is not "
                "mounted",
                f'Mount the disk; or, if the data is lost, confirm with `nodes.{name}.replaces: "{entry.member_id}"` '
                "that an empty member takes its place",
            )
        if entry.member_id in cluster.may_run:
            raise refuse(
                Reason.ADDRESS_OF_ANOTHER_HOST,
                name,
                f"its disk has no data, but member {entry.member_id} "
                f"{cluster.still(entry.member_id, entry.client_urls)}",
                f"Check that the node's `address` and `nodes.{name}.ssh` lead to the same machine",
            )
        found[name] = entry
    if len(found) > 1:
        raise Refusal(
            *(
                Problem(
                    Reason.DATA_MISSING_ON_SEVERAL,
                    name,
                    f"its member {entry.member_id} is gone, and so is another one",
                    _RESTORE,
                )
                for name, entry in found.items()
            )
        )
    return found


def _refuse_copy(cluster: ClusterState, name: str, host: HostFacts, entry: ListedMember) -> None:
    """Refuse a second process with the id of one that answers: it would vote twice, and writes could be lost."""
    if host.is_running or entry.member_id not in cluster.may_run:
        return
    raise refuse(
        Reason.DATA_OF_RUNNING_MEMBER,
        name,
        f"it holds the data of member {entry.member_id}, which {cluster.still(entry.member_id, entry.peer_urls)}",
        "Stop etcd on the old host and disable it there, take the data along as it is then, and run `pulumi up` again",
    )


def refuse_lost_disk(cluster: ClusterState, name: str, host: HostFacts) -> None:
    """Refuse a join that would set aside the data of a member that does not answer: it may be the only copy."""
    for entry in cluster.listed:
        if host.wal and host.wal.member_id == entry.member_id and not cluster.is_alive(entry):
            raise refuse(
                Reason.DATA_OF_SILENT_MEMBER,
                name,
                f"its disk holds the data of member {entry.member_id} ({cluster.label(entry)}), which does not answer",
                "Check which disk is mounted on which host",
            )
