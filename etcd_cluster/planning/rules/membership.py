"""The stages of a plan that change who is a member: drop the dead, repair, add, remove.

A healthy swap adds before it removes, so that it never has less fault tolerance than before.
"""

from etcd_cluster.observation.facts import HostFacts, ListedMember
from etcd_cluster.planning.rules import replacement
from etcd_cluster.planning.state import ClusterState
from etcd_cluster.planning.steps import (
    AddLearner,
    DisarmAlarms,
    Promote,
    RecordBootstrap,
    Reinstall,
    RememberServed,
    RemoveMember,
    Retire,
    StartExisting,
    StartJoin,
    Step,
    UpdatePeerUrl,
)
from etcd_cluster.planning.target import Refusal, quorum, refuse
from etcd_cluster.reasons import Reason
from etcd_cluster.rendering.config_diff import former_peer_urls


def start(cluster: ClusterState) -> list[Step]:
    """Start members that have their data and are stopped: what else is wrong must not keep them from serving."""
    stopped = tuple(
        sorted(
            name
            for name, entry in cluster.by_url.items()
            if (host := cluster.facts.get(name))
            and not host.is_running
            and replacement.has_own_data(host, entry)
            # Where one with this id answers already, a second one would vote twice.
            and entry.member_id not in cluster.may_run
        )
    )
    if not stopped:
        _refuse_what_may_run(cluster)
    return [StartExisting(stopped)] if stopped else []


def _refuse_what_may_run(cluster: ClusterState) -> None:
    """Refuse to leave a member stopped without a word, since something at its address is not silent."""
    for name, entry in cluster.by_url.items():
        host = cluster.facts.get(name)
        if (
            entry.member_id in cluster.unclear
            and host
            and not host.is_running
            and replacement.has_own_data(host, entry)
        ):
            raise refuse(
                Reason.ADDRESS_OF_ANOTHER_HOST,
                name,
                f"it is stopped, but member {entry.member_id} {cluster.still(entry.member_id, entry.client_urls)}",
                f"Find out what answers there: `nodes.{name}.address` and `nodes.{name}.ssh` have to lead to one host",
            )


def drop(cluster: ClusterState) -> list[Step]:
    """Drop members that are not wanted and do not answer, learners that lost their data, and what they left."""
    steps: list[Step] = [DisarmAlarms(cluster.stray_alarms)] if cluster.stray_alarms else []
    dead = [(entry, cluster.host_of(entry)) for entry in cluster.unwanted if not cluster.is_alive(entry)]
    dead += [(entry, None) for entry in replacement.replaced(cluster).values()]
    for entry, node in dead:
        # Who gives no answer may vote all the same. Where the voters that answer are no quorum, one of these does.
        if not entry.is_learner:
            _refuse_without_quorum(cluster, entry)
        steps.append(RemoveMember(entry.member_id, cluster.label(entry), node))
    steps += [
        RemoveMember(entry.member_id, name, None)
        for name, entry in cluster.by_url.items()
        if entry.is_learner and entry.name and name in cluster.facts and not cluster.facts[name].has_wal
    ]
    listed = {entry.member_id for entry in cluster.listed}
    for name in cluster.target.leaving:
        host = cluster.facts.get(name)
        ids = {each.member_id for each in (host.wal, host.status) if each} if host else set()
        if host and (host.is_running or host.has_wal) and not ids & listed:
            steps.append(Retire(name))
    return steps


def repair(cluster: ClusterState) -> list[Step]:
    """Tell new addresses, and go on with a join that was begun."""
    steps: list[Step] = []
    remembered: list[str] = []
    for name, entry in cluster.moved.items():
        moved = cluster.facts.get(name)
        # One that runs and restarts anyway moves with its restart, so that never two members are between two URLs.
        restarts = moved and moved.is_running and moved.running_revision != cluster.target.members[name].revision
        if moved and moved.has_wal and not restarts:
            _refuse_where_it_does_not_listen(cluster, name, moved)
            steps.append(UpdatePeerUrl(name, entry.member_id))
    for name, entry in cluster.by_url.items():
        host = cluster.facts.get(name)
        if host is None:
            continue
        own_data = replacement.has_own_data(host, entry)
        if host.has_wal and not own_data and entry.name:
            raise refuse(
                Reason.DATA_OF_ANOTHER_MEMBER,
                name,
                f"its disk holds the data of another member ({host.wal.member_id if host.wal else 'unknown'}), not of "
                f"{entry.member_id}",
                "Check which disk is mounted on which host",
            )
        if not own_data and not entry.name:
            replacement.refuse_lost_disk(cluster, name, host)
            steps.append(StartJoin(name))
    for name, entry in cluster.by_url.items():
        if entry.is_learner and name in cluster.down:
            raise Refusal(cluster.down[name])
        if entry.is_learner and not any(isinstance(step, StartJoin) and step.name == name for step in steps):
            steps.append(Promote(name, entry.member_id))
    for name in cluster.by_url:
        host = cluster.facts.get(name)
        if not host or not host.is_running or host.running_revision != cluster.target.members[name].revision:
            continue
        # A switch that was interrupted and taken back would come into force at the next crash or reboot.
        lost = (*host.uninstalled, *(("the active revision",) if host.is_switched else ()))
        if lost:
            steps.append(Reinstall(name, lost))
        if host.is_unproven and name in cluster.serving:
            remembered.append(name)
    if remembered:
        steps.append(RememberServed(tuple(sorted(remembered))))
    unrecorded = tuple(
        sorted(
            name for name in cluster.serving if name in cluster.target.members and not cluster.facts[name].bootstrapped
        )
    )
    if unrecorded:
        steps.append(RecordBootstrap(unrecorded))
    return steps


def _refuse_where_it_does_not_listen(cluster: ClusterState, name: str, host: HostFacts) -> None:
    """Refuse to tell the cluster a URL that a running member does not have and, as it is staged, does not get."""
    has, wanted = former_peer_urls(host), cluster.target.members[name].member.peer_url
    if host.is_running and has and wanted not in has:
        raise refuse(
            Reason.PEER_URL_NOT_SERVED,
            name,
            f"the settings want it at {wanted}, and what is staged for it leaves it at {', '.join(has)}",
            "Run `pulumi up` without `--target` and `--exclude`",
        )


def add(cluster: ClusterState) -> list[Step]:
    """Add the wanted nodes that are no members, one learner at a time."""
    # A corrupt member that is not wanted leaves first: nothing is added while its alarm is raised.
    if not cluster.missing or _corrupt(cluster):
        return []
    if unreachable := [cluster.down[name] for name in cluster.missing if name in cluster.down]:
        raise Refusal(*unreachable)
    if cluster.alarms:
        raise refuse(
            Reason.ALARM_PREVENTS_ADD,
            "cluster",
            f"the alarm {sorted(kind for _, kind in cluster.alarms)[0]} is raised, so no member can be added",
            "Compact, defragment and disarm the alarm first; to raise the quota, change only that setting",
        )
    # etcd makes an exception for a single member (etcdserver/util.go, isConnectedToQuorumAfterAddingNewMemberSince)
    needed = quorum(len(cluster.voters) + 1) if len(cluster.voters) > 1 else 1
    if cluster.healthy_voters() < needed:
        raise refuse(
            Reason.NO_QUORUM_TO_ADD,
            cluster.missing[0],
            f"{cluster.healthy_voters()} of {len(cluster.voters)} voters answer, and etcd adds a member only while "
            f"{needed} do",
            "Repair or take out the members that do not answer first",
        )
    steps: list[Step] = []
    for name in sorted(cluster.missing):
        if host := cluster.facts.get(name):
            replacement.refuse_lost_disk(cluster, name, host)
        steps += [AddLearner(name), StartJoin(name), Promote(name, "")]
    return steps


def _corrupt(cluster: ClusterState) -> list[ListedMember]:
    """Return the members that are not wanted, answer, and have corrupt data."""
    return [
        entry
        for entry in cluster.unwanted
        if cluster.is_alive(entry) and (entry.member_id, "CORRUPT") in cluster.alarms
    ]


def remove(cluster: ClusterState) -> list[Step]:
    """Remove the members that are not wanted and answer, the leader last."""
    going = sorted(
        (entry for entry in cluster.unwanted if cluster.is_alive(entry)),
        key=lambda entry: (not entry.is_learner, entry.member_id == cluster.leader_id, cluster.label(entry)),
    )
    if not going:
        return []
    going = _corrupt(cluster) or going
    first = going[0]
    successor = cluster.by_url.get(first.name)
    if successor and not cluster.answers(successor) and not _corrupt(cluster):
        raise refuse(
            Reason.SUCCESSOR_SILENT,
            cluster.label(first),
            f"it stays, since the member in its place ({successor.member_id}) does not answer",
            f"Repair {first.name} first",
        )
    # While members are still to be added, this is a forecast only; it is judged when its turn comes.
    if not first.is_learner and (not cluster.missing or _corrupt(cluster)):
        _refuse_without_quorum(cluster, first)
    return [
        RemoveMember(
            entry.member_id, cluster.label(entry), cluster.host_of(entry), entry.member_id == cluster.leader_id
        )
        for entry in going
    ]


def _refuse_without_quorum(cluster: ClusterState, entry: ListedMember) -> None:
    """Refuse the removal of a voter without which too few would answer."""
    staying = len(cluster.voters) - 1
    healthy = cluster.healthy_voters(without=[entry.member_id])
    if healthy < quorum(staying):
        raise refuse(
            Reason.NO_QUORUM_TO_REMOVE,
            cluster.label(entry),
            f"without it {healthy} of {staying} voters would answer, and {quorum(staying)} must",
            "Repair the members that do not answer first",
        )
