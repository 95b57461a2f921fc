"""The plan for a cluster of which no member serves: never bootstrapped, interrupted in its bootstrap, or stopped."""

from collections.abc import Mapping

from etcd_cluster.errors import Problem
from etcd_cluster.observation.facts import HostFacts
from etcd_cluster.planning.rules import bootstrap, unqueryable
from etcd_cluster.planning.rules.trust import unverified
from etcd_cluster.planning.state import ClusterState
from etcd_cluster.planning.steps import AwaitServing, Plan, Restart, StartExisting, Step, SwitchCertificates
from etcd_cluster.planning.target import Refusal, Target, cluster_ids, quorum
from etcd_cluster.preflight import unit_files
from etcd_cluster.reasons import Reason
from etcd_cluster.ssh.session import as_text

# So few that a restart of one is an outage anyway
FEW_VOTERS = 2


def refuse_foreign_data(facts: Mapping[str, HostFacts], target: Target) -> None:
    """Refuse hosts whose data or markers belong to different clusters.

    What a bootstrap that was never recorded has left is judged by `bootstrap`.
    """
    ids: dict[str, list[str]] = {}
    recorded = target.cluster_id is not None or any(host.bootstrapped for host in facts.values())
    for name, host in facts.items():
        if host.attempt and not recorded:
            continue
        for cluster_id in sorted(cluster_ids(host)):
            ids.setdefault(cluster_id, []).append(name)
    if target.cluster_id:
        ids.setdefault(target.cluster_id, [])
    if len(ids) < 2:
        return
    ours = target.cluster_id or max(ids, key=lambda cluster_id: len(ids[cluster_id]))
    # All hosts agree on another cluster: a restore by hand, or a mistyped `restored_cluster_id`.
    restored = not ids[ours] and len(ids) == 2
    raise Refusal(
        *(
            Problem(
                Reason.FOREIGN_DATA,
                name,
                f"its data directory holds data of cluster {cluster_id}, not of this cluster ({ours})",
                f"If this cluster was restored from a snapshot, set `restored_cluster_id` to {cluster_id} "
                "(docs/restore.md); if `restored_cluster_id` is set, it has to be that id. Otherwise check the "
                "nodes' addresses and disks"
                if restored
                else "Another host's disk may be mounted here, or the address may be another host's: check both. The "
                "data may be the only copy of what that cluster holds; keep it until you know",
            )
            for cluster_id, names in ids.items()
            if cluster_id != ours
            for name in names
        )
    )


def refuse_copies(facts: Mapping[str, HostFacts], cluster: ClusterState) -> None:
    """Refuse a second process with the id of one member: it would vote twice, and writes could be lost.

    That is what the copy of a disk asks for, of a member that answers elsewhere or of another node.
    """
    holders: dict[str, list[str]] = {}
    for name, host in facts.items():
        if host.wal:
            holders.setdefault(host.wal.member_id, []).append(name)
    problems = [
        Problem(
            Reason.DATA_OF_RUNNING_MEMBER,
            name,
            f"it holds the data of member {member_id}, which {cluster.still(member_id, ['its former address'])}",
            "Stop etcd on the old host and disable it there, take the data along as it is then, and run `pulumi up` "
            "again",
        )
        for member_id in sorted(cluster.may_run & holders.keys())
        for name in holders[member_id]
        # What answers there may be this very host's own, outside the unit; that is refused in other words.
        if not facts[name].is_running and not facts[name].data_holder
    ]
    problems += [
        Problem(
            Reason.DATA_DUPLICATED,
            name,
            f"it holds the data of member {member_id}, and so does {as_text([each for each in names if each != name])}",
            "Move the copy away on the host that is not this member",
        )
        for member_id, names in sorted(holders.items())
        if len(names) > 1
        for name in names
    ]
    if problems:
        raise Refusal(*problems)


def plan_silent(
    facts: Mapping[str, HostFacts], leaving: Mapping[str, HostFacts], down: Mapping[str, Problem], target: Target
) -> Plan:
    """Return the plan; `new` only if all hosts answer and nothing tells of a cluster that was bootstrapped.

    `facts` and `down` are those of the wanted nodes. Members of `leaving` nodes start too: the cluster may need
    their votes until it can remove them.
    """
    bootstrapped = target.cluster_id is not None or any(host.bootstrapped for host in facts.values())
    with_data = sorted(name for name, host in facts.items() if host.has_wal)
    attempts = {host.attempt for host in facts.values() if host.attempt}
    if not bootstrapped and down:
        raise Refusal(*down.values())
    if not bootstrapped and (attempts or not with_data):
        # `leftover` without a WAL: data whose WAL directory is not mounted, or was wiped
        stray = sorted(name for name, host in facts.items() if (host.has_wal or host.leftover) and not host.attempt)
        if stray:
            raise Refusal(*(_unknown_data(name, facts[name], target) for name in stray))
        return bootstrap.begin(facts, target)
    if not bootstrapped and (nameless := [name for name in with_data if not facts[name].wal]):
        raise Refusal(*(_unknown_data(name, facts[name], target) for name in nameless))
    return _start_stopped(facts, leaving, down, with_data, bootstrapped, target)


def _unknown_data(name: str, host: HostFacts, target: Target) -> Problem:
    layout = target.members[name].member.layout
    if host.has_wal:
        return Problem(
            Reason.UNKNOWN_DATA,
            name,
            f"its data directory {layout.data_dir} holds data of a cluster that this stack does not know",
            "Find out whose data it is before anything else: it may be the only copy. Give the node another "
            "`paths.data_dir`, or, if the cluster is to go on with it, let all nodes have their data here",
        )
    return Problem(
        Reason.WAL_MISSING,
        name,
        f"its data directory {layout.data_dir} holds data of etcd, but there is no WAL in {layout.wal}, where the "
        "settings have it",
        "If the WAL lies elsewhere, its directory has to be named `wal` and `paths.wal_dir` the one around it; if a "
        "disk is not mounted, mount it. Delete nothing before you know whose data it is",
    )


def _start_stopped(
    facts: Mapping[str, HostFacts],
    leaving: Mapping[str, HostFacts],
    down: Mapping[str, Problem],
    with_data: list[str],
    bootstrapped: bool,
    target: Target,
) -> Plan:
    """Start a cluster that has data and does not serve, if what answers is enough for a quorum."""
    # Nodes that the state does not know yet join once the others serve.
    voting = (set(target.members) & target.known) or set(target.members)
    without = sorted((set(facts) & voting) - set(with_data))
    needed = quorum(len(voting))
    if without and (not bootstrapped or len(with_data) < needed):
        raise Refusal(
            *(
                Problem(
                    Reason.DATA_MISSING_WITHOUT_QUORUM,
                    name,
                    f"it has no data, but {as_text(with_data or ['this stack'])} knows a cluster that was "
                    "bootstrapped; the disk was wiped, replaced or is not mounted",
                    "Mount the disk, or restore the cluster from a snapshot; an empty member never starts by itself",
                )
                for name in without
            )
        )
    if len(with_data) < needed:
        raise Refusal(*(problem for name, problem in down.items() if name in voting))
    warnings = tuple(down.values())
    if not bootstrapped:
        ids = {host.wal.cluster_id for host in facts.values() if host.wal}
        warnings += (
            Problem(
                Reason.CLUSTER_RESUMED,
                "cluster",
                f"all hosts hold data of cluster {as_text(sorted(ids))}, which the state does not know; it is resumed",
                "If that is not the cluster that is wanted here, check the nodes' addresses and disks",
            ),
        )
    # A member whose certificate has ended serves nobody; that may be all there is to change.
    leaves = stale_leaves(facts, target)
    steps: list[Step] = [SwitchCertificates(leaves)] if leaves and not unverified(facts, leaves) else []
    running = [name for name in with_data if facts[name].is_running]
    if not steps:
        unqueryable.refuse(facts, running)
    elif unqueryable.problems(facts):
        return Plan(tuple(steps), warnings)
    stopped = [name for name in with_data if not facts[name].is_running]
    stopped += sorted(name for name, host in leaving.items() if host.wal and not host.is_running)
    # They start as they are; a mask or a drop-in may say that somebody put that member out of service.
    unfit = [name for name in stopped if name in leaving and unit_files.problems(target.leaving[name], leaving[name])]
    stopped = [name for name in stopped if name not in unfit]
    if stopped:
        steps.append(StartExisting(tuple(stopped)))
    return Plan(
        tuple(steps) or (_change_running(facts, running, max(len(voting), len(target.known)), target),), warnings
    )


def _change_running(facts: Mapping[str, HostFacts], running: list[str], voters: int, target: Target) -> Step:
    """Return what may be done where every member runs and none serves: never more than one of them is touched.

    A revision that never served while a former one did may be the cause, and so may a member that is silent while
    another tells that there is no leader. A restart costs no quorum where one tells that, and with one or two voters.
    """
    stale = [name for name in running if facts[name].running_revision != target.members[name].revision]
    # Another version takes steps before it that need members that serve.
    same = [name for name in running if facts[name].active_version in ("", target.members[name].member.version)]
    lost = any(host.status and host.status.leader_id in ("", "0") for host in facts.values())
    may_spare = lost or voters <= FEW_VOTERS
    unproven = [name for name in same if facts[name].is_unproven and may_spare]
    changed = [
        name for name in same if name in stale and (voters <= FEW_VOTERS or (lost and facts[name].status is None))
    ]
    # Who tells its status is not what keeps the others from serving.
    able = sorted((*unproven, *changed), key=lambda name: (facts[name].status is not None, name not in unproven, name))
    if able:
        return Restart(able[0], False)
    if starting := tuple(name for name in running if not facts[name].is_active):
        return AwaitServing(starting)
    action = "Look at `journalctl -u etcd` on it, at the way between the members and at their clocks"
    if stale:
        action += (
            ". No member that runs is restarted while none serves; to start all of them on the changed settings, run "
            "`systemctl stop etcd` on every node and then `pulumi up`"
        )
    raise Refusal(
        *(Problem(unqueryable.reason(facts[name]), name, unqueryable.why(facts[name]), action) for name in running)
    )


def stale_leaves(facts: Mapping[str, HostFacts], target: Target) -> tuple[str, ...]:
    """Return the running nodes that do not use the leaf certificates that are staged for them."""
    return tuple(
        sorted(
            name
            for name, host in facts.items()
            if host.is_running and host.active_certificates != target.members[name].certificates
        )
    )
